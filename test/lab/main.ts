import { dirname } from "node:path";
import { runLabCommand } from "./command";

void runLabCommand(dirname(dirname(__dirname)), process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
