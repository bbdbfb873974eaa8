import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { authority } from "./command-line";
import { scratchWorld, tagsStack } from "./scratch-world";

describe("authority format", () => {
  const world = scratchWorld();
  const run = (...args: string[]) => authority(args, { cwd: world().root });
  const read = (file: string) => readFileSync(join(world().root, file), "utf8");
  const automated = (...policy: string[]) =>
    tagsStack(world().tenant('tag: "1.0.0" # {"$imagepolicy": "flux-system:shop:tag"}', ...policy)).replace(
      "config:\n",
      "config:\n  shared-authority:configRepository: {url: https://git.example.com/shared, branch: main, secret: push}\n",
    );

  it("is the command that check names, once, and only if Flux writes the file", async () => {
    const { application, write } = world();
    await application.publish({ version: "1.0.0", message: "First" });
    const stack = automated("policy: { range: '>=1.0.0', automation: auto }", "", "# Who is called", "team: [a,b]");
    write({ "Pulumi.prod.yaml": stack.replaceAll("\n", "\r\n") });
    const notices = async () => {
      const { code, stdout } = await run("check", "--stack", "prod");
      assert.equal(code, 0, stdout);
      return stdout.split("\n").filter((line) => line.includes("Flux"));
    };
    const [notice = "", ...more] = await notices();
    assert.deepEqual(more, []);
    assert.match(
      notice,
      /^Pulumi\.prod\.yaml: Flux writes the whole file anew .* all line ends, which are CRLF\. .*commit the file\.$/,
    );
    const { code, stdout } = await run(...(/`npx authority ([^`]*)`/.exec(notice)?.[1]?.split(" ") ?? []));
    assert.deepEqual([code, stdout], [0, "Pulumi.prod.yaml: written\n"]);
    assert.ok(!read("Pulumi.prod.yaml").includes("\r"));
    assert.match(read("Pulumi.prod.yaml"), /automation: auto\}\n {6}# Who is called\n {6}team: \[a, b\]\n$/);
    assert.deepEqual(await notices(), []);
    assert.equal((await run("format")).stdout, "Pulumi.prod.yaml: unchanged\n");

    write({ "Pulumi.prod.yaml": read("Pulumi.prod.yaml").replace("\n      # Who", "\n\n      # Who") });
    assert.match(String(await notices()), /spacing or quotes, first in line \d+\./);
    const byHand = tagsStack(world().tenant('tag: "1.0.0"', "", "policy: { range: '>=1.0.0' }"));
    write({ "Pulumi.prod.yaml": byHand });
    assert.deepEqual(await notices(), []);
  });

  it("is not needed where Git stores the file with LF", async () => {
    const { write, root } = world();
    const stack = automated('policy: {range: ">=1.0.0", automation: auto}').replaceAll("\n", "\r\n");
    write({ "Pulumi.prod.yaml": stack, ".gitattributes": "*.yaml text eol=crlf\n" });
    execFileSync("git", ["init", "--quiet"], { cwd: root });
    assert.equal((await run("format")).stdout, "Pulumi.prod.yaml: unchanged\n");
    write({ ".gitattributes": "*.yaml -text\n" });
    assert.equal((await run("format")).stdout, "Pulumi.prod.yaml: written\n");
  });

  it("writes nothing that it cannot read", async () => {
    const { write } = world();
    write({ "Pulumi.prod.yaml": "config:\r\n  a: [\r\n" });
    const { code, stderr } = await run("format");
    assert.equal(code, 2);
    assert.match(stderr, /Pulumi\.prod\.yaml:3:1: This is not valid YAML/);
    assert.equal(read("Pulumi.prod.yaml"), "config:\r\n  a: [\r\n");
    const blank = "config:\r\n  a: |+\r\n    text\r\n\r\n  b: 1\r\n";
    write({ "Pulumi.prod.yaml": blank });
    assert.equal((await run("format")).code, 2);
    assert.equal(read("Pulumi.prod.yaml"), blank);

    // Nor another file beside it, nor one that belongs to no stack.
    write({ "Pulumi.dev.yaml": "config:\r\n  a: 1\r\n", "Pulumi.prod.yaml": "config: [\n" });
    assert.equal((await run("format")).code, 2);
    assert.equal(read("Pulumi.dev.yaml"), "config:\r\n  a: 1\r\n");
    for (const stack of ["de", "a/../b/../dev"]) {
      const refused = await run("format", "--stack", stack);
      assert.equal(refused.code, 2);
      assert.match(refused.stderr, /There is no stack ".*" in this project; /);
    }
  });
});
