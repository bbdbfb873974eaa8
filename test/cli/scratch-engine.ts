import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExportedState } from "../../src/cli/engine-state";
import { type Outcome, authorityProcess } from "./command-line";

/** A fault in one run of the engine. */
export interface Fault {
  /** The number of the run, from 1. */
  readonly run: number;
  /**
   * `fails`: the engine fails and does nothing. `killed after`: `authority` is killed after the engine has finished. A
   * signal: sent to `authority` while the engine works; the engine receives SIGINT too, as from a terminal.
   */
  readonly kind: "fails" | "killed after" | "SIGINT" | "SIGTERM" | "SIGHUP";
  /** The number of signals. Default: 1. The engine ends after the last one. */
  readonly times?: number;
  /** How long the engine takes to end after a signal. Default: 0.3. */
  readonly seconds?: number;
}

/**
 * A replacement for the engine, with its state and a cluster of names in files. It implements the commands that
 * `authority recover` uses, and can fail in any run.
 */
export class ScratchEngine {
  private readonly program: string;

  /** @param directory an existing folder for its files */
  constructor(private readonly directory: string) {
    this.program = join(directory, "pulumi");
    writeFileSync(this.program, source);
    chmodSync(this.program, 0o755);
    this.cluster = {};
  }

  get state(): ExportedState {
    return JSON.parse(readFileSync(join(this.directory, "state.json"), "utf8")) as ExportedState;
  }

  set state(state: ExportedState) {
    writeFileSync(join(this.directory, "state.json"), JSON.stringify(state));
  }

  /** The field manager of each object: `{"podinfo/values": "kubectl-create"}`. */
  set cluster(objects: Readonly<Record<string, string>>) {
    writeFileSync(join(this.directory, "cluster.json"), JSON.stringify(objects));
  }

  /** The engine runs of the last command, such as `stack export`, and the signals that the engine received. */
  runs(): string[] {
    return readFileSync(join(this.directory, "runs"), "utf8").split("\n").slice(0, -1);
  }

  /** Runs `authority` with this engine, as in a pipeline, without prompts. */
  async authority(args: readonly string[], cwd: string, fault?: Fault): Promise<Outcome> {
    writeFileSync(join(this.directory, "runs"), "");
    writeFileSync(join(this.directory, "fault.json"), JSON.stringify(fault ?? {}));
    return authorityProcess(args, { cwd, env: { PULUMI: this.program, PULUMI_SKIP_CONFIRMATIONS: "true" } });
  }
}

const source = `#!${process.execPath}
"use strict";
const { appendFileSync, readFileSync, writeFileSync } = require("node:fs");
const at = (name) => __dirname + "/" + name;
const read = (name) => JSON.parse(readFileSync(at(name), "utf8"));
const args = process.argv.slice(2);
const verb = args[0] === "stack" ? "stack " + args[1] : args[0] + (args.includes("--preview-only") ? " --preview-only" : "");
appendFileSync(at("runs"), verb + "\\n");
const run = readFileSync(at("runs"), "utf8").trim().split("\\n").length;
const fault = read("fault.json");
const kind = fault.run === run ? fault.kind : "none";

if (kind === "fails") {
  console.error("error: the cluster does not answer");
  process.exit(1);
} else if (kind.startsWith("SIG")) {
  const authority = process.ppid;
  let left = fault.times ?? 1;
  const signal = () => {
    left -= 1;
    process.kill(authority, kind);
    if (kind === "SIGINT") process.kill(process.pid, kind);
  };
  const isAtWork = setInterval(() => {}, 1000);
  for (const known of ["SIGINT", "SIGTERM"]) {
    process.on(known, () => {
      appendFileSync(at("runs"), "got " + known + "\\n");
      if (left > 0) return signal();
      setTimeout(() => {
        appendFileSync(at("runs"), process.ppid === authority ? "ended\\n" : "ended after authority\\n");
        clearInterval(isAtWork);
        process.exitCode = 1;
      }, 1000 * (fault.seconds ?? 0.3));
    });
  }
  signal();
} else {
  act();
  if (kind === "killed after") process.kill(process.ppid, "SIGKILL");
}

function act() {
  const state = read("state.json");
  if (verb === "stack export") {
    console.log(JSON.stringify(state));
  } else if (verb === "stack import") {
    const imported = JSON.parse(readFileSync(0, "utf8"));
    delete imported.deployment.pending_operations;
    const urns = imported.deployment.resources.map(({ urn }) => urn);
    const dangling = imported.deployment.resources.flatMap(({ dependencies = [] }) => dependencies).find((urn) => !urns.includes(urn));
    if (dangling !== undefined) {
      console.error("error: state file contains errors: dependency " + dangling + " refers to missing resource");
      process.exit(1);
    }
    writeFileSync(at("state.json"), JSON.stringify(imported));
  } else if (args[0] === "refresh") {
    const isConfirmed = args.includes("--yes") || process.env.PULUMI_SKIP_CONFIRMATIONS === "true";
    if (isConfirmed === args.includes("--preview-only")) {
      console.error("error: --yes and --preview-only cannot be used together");
      process.exit(1);
    }
    const cluster = read("cluster.json");
    const targets = args.filter((_, index) => args[index - 1] === "--target");
    const looked = state.deployment.resources.flatMap((resource) => {
      if (!targets.includes(resource.urn) || !resource.custom) return [resource];
      const manager = cluster[resource.id];
      if (manager === undefined) return [];
      const { initErrors, ...known } = resource;
      return [{ ...known, outputs: { metadata: { ...resource.inputs.metadata, managedFields: [{ manager }] } } }];
    });
    if (!args.includes("--preview-only")) {
      writeFileSync(at("state.json"), JSON.stringify({ ...state, deployment: { ...state.deployment, resources: looked } }));
    }
  }
}
`;
