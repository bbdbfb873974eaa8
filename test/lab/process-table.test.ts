import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  findMarked,
  findOrphanedLabs,
  identify,
  isRunning,
  supervisorMark,
  killMarked,
  labMark,
} from "./process-table";
import { skipBecause } from "../support/tools";

describe("the processes of a lab", () => {
  const children: ChildProcess[] = [];

  before(function () {
    if (process.platform !== "linux") skipBecause(this, "the lab's own control plane runs on Linux only");
  });

  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
  });

  async function sleeper(environment: Readonly<Record<string, string>>): Promise<ChildProcess & { pid: number }> {
    const script = 'process.stdout.write("up"); setInterval(() => undefined, 1000)';
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "ignore"], env: environment });
    children.push(child);
    await once(child.stdout, "data");
    return child as typeof child & { pid: number };
  }

  it("are found by their environment, and killed without those of other labs", async () => {
    const [ours, theirs] = [randomBytes(8).toString("hex"), randomBytes(8).toString("hex")];
    const mine = await Promise.all([sleeper({ [labMark]: ours }), sleeper({ [labMark]: ours })]);
    const other = await sleeper({ [labMark]: theirs });
    assert.deepEqual(findMarked(ours).sort(), mine.map(({ pid }) => pid).sort());
    await killMarked(ours);
    assert.deepEqual(findMarked(ours), []);
    assert.deepEqual(findMarked(theirs), [other.pid]);
  });

  it("are orphaned once their supervisor is gone", async () => {
    const id = randomBytes(8).toString("hex");
    const supervisor = await sleeper({ [labMark]: id, [supervisorMark]: "1" });
    await sleeper({ [labMark]: id });
    assert.ok(!findOrphanedLabs().includes(id));
    const ended = once(supervisor, "exit");
    supervisor.kill("SIGKILL");
    await ended;
    assert.ok(findOrphanedLabs().includes(id));
  });

  it("are distinguished from later processes with the same number", async () => {
    const child = await sleeper({});
    const identity = identify(child.pid);
    assert.ok(identity !== undefined && isRunning(identity));
    assert.ok(!isRunning({ ...identity, startTime: `${identity.startTime}0` }));
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    assert.ok(!isRunning(identity));
  });
});
