import { dirname } from "node:path";
import { runStory } from "./story";

void runStory(dirname(__dirname), process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
