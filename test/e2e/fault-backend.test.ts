import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Application } from "./support/application";
import { disturbUp } from "./support/disturbed-up";
import { openStackFile } from "./support/stack-file";
import { assertWhole, filesOf, stateFile } from "./support/inventory";
import { useLab } from "./support/lab";
import { recoveryFor } from "./support/recovery";
import { SmallDisk } from "./support/small-disk";
import { said, useFixture } from "./support/fixture";
import { runTold } from "./support/told-commands";

/** The engine's state in files: locked by another `up`, on a full disk, with a corrupt file. */
describe("the engine's file backend", () => {
  const opened = useLab();
  const disk = new SmallDisk();
  const fixture = useFixture(opened, (context) => disk.engine(context));
  const tags = new Map<Application, string>();
  let first: Application;
  let second: Application;
  let file: Awaited<ReturnType<typeof openStackFile>>;

  after(() => disk.close());

  before(async () => {
    first = await fixture().application("6.13.0");
    second = await fixture().application("6.13.0");
    await fixture().addStack("prod", {
      tenants: [first, second].map((application) => ({ application, tag: "6.13.0", lines: ["team: [developers]"] })),
    });
    file = await openStackFile(fixture(), "prod", [first, second]);
    await disk.mount(fixture(), 16);
  });

  /** The engine's backups from the `up` with the full disk. Nothing reads them, see docs/recovery.md. */
  const unread = new Set<string>();
  const whole = () => assertWhole(fixture(), "prod", [first.name, second.name], { backend: disk.backend, unread });
  const archived = /^\.pulumi\/(history|backups)\/.*\/prod[.-][0-9]+\.(checkpoint\.)?json$/;
  const state = () => stateFile(fixture(), "prod", disk.backend);

  it("is locked during an `up`: a second `up` reports the lock and exits, and the first one succeeds", async () => {
    tags.set(first, "6.13.0");
    await file.declare(tags);
    const seconds: string[] = [];
    const result = await disturbUp(fixture(), "prod", { seen: "engine", work: "begun", count: 2 }, async (engine) => {
      // Stopped, so that the first `up` has the lock until the others have requested it.
      process.kill(engine, "SIGSTOP");
      const both = Promise.all([fixture().authorityUp("prod"), fixture().tryUp("prod", "--skip-preview")]);
      for (const other of await both.finally(() => process.kill(engine, "SIGCONT"))) {
        assert.notEqual(other.code, 0);
        seconds.push(said(other));
      }
    });
    assert.equal(result.code, 0, said(result));
    assert.equal(seconds.length, 2);
    for (const text of seconds) {
      assert.match(text, /the stack is currently locked by 1 lock.*wait for the other process.*`pulumi cancel`/);
      assert.match(text, /created by .* \(pid \d+\) at /);
    }
    await whole();
  });

  it("can be on a full disk: the `up` reports it, and the next one completes the change when there is space", async () => {
    tags.set(second, "6.13.0");
    await file.declare(tags);
    const before = await filesOf(disk.backend);
    const full = await disturbUp(fixture(), "prod", { seen: "engine", work: "ended", count: 5 }, () => disk.fill());
    disk.free();
    for (const [path, written] of await filesOf(disk.backend)) {
      if (archived.test(path) && before.get(path) !== written) unread.add(path);
    }
    assert.ok(full.disturbed, said(full));
    assert.notEqual(full.code, 0);
    assert.match(said(full), /failed to save snapshot.*no space left on device/);
    const advice = await recoveryFor(said(full));
    assert.match(advice, /Make room, and run `pulumi cancel --stack prod --yes`/);
    assert.match(advice, /Run `npx authority up --stack prod -- --yes`/);
    const cancelled = await fixture().pulumi("cancel", "--stack", "prod", "--yes");
    assert.equal(cancelled.code, 0, said(cancelled));
    const restored = await restoreWhereBroken();
    const command = restored
      ? "PULUMI_K8S_UPSERT_EXISTING_OBJECTS=true npx authority up --stack prod -- --yes"
      : "npx authority up --stack prod -- --yes";
    assert.ok(advice.includes(command));
    const healed = await runTold(fixture(), `${command} --skip-preview`);
    assert.equal(healed.code, 0, said(healed));
    await whole();
  });

  /** As in docs/recovery.md: replaces a corrupt state file with its newest valid backup. */
  async function restoreWhereBroken(): Promise<boolean> {
    if (isWhole(state())) return false;
    const backups = join(disk.backend, ".pulumi/backups/shared-authority/prod");
    const names = existsSync(backups) ? readdirSync(backups).filter((name) => name.endsWith(".json")) : [];
    const copies = [
      `${state()}.bak`,
      ...names
        .sort()
        .reverse()
        .map((name) => join(backups, name)),
    ];
    const copy = copies.find(isWhole);
    assert.ok(copy, "no copy of the state is whole");
    await copyFile(copy, state());
    return true;
  }

  it("can have a corrupt file: the error explains it, and the documented command fixes it", async () => {
    await writeFile(`${state()}.attrs`, "");
    const told = await runTold(fixture(), "npx authority recover --stack prod");
    assert.equal(told.code, 1, said(told));
    assert.match(
      said(told),
      /EOF\n.*left an empty `\*\.attrs` file.*The state\s+itself is complete\. Delete the empty file/,
    );
    const fixed = await runTold(fixture(), `cd '${disk.backend}' && find .pulumi -name '*.attrs' -size 0 -delete`);
    assert.equal(fixed.code, 0, said(fixed));
    const recovered = await runTold(fixture(), "npx authority recover --stack prod");
    assert.equal(recovered.code, 0, said(recovered));
    assert.match(said(recovered), /no `up` was interrupted/);
    await whole();
  });
});

function isWhole(file: string): boolean {
  try {
    JSON.parse(readFileSync(file, "utf8"));
    return true;
  } catch {
    return false;
  }
}
