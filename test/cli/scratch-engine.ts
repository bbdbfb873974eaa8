import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExportedState } from "../../src/cli/engine-state";
import { type Outcome, authorityProcess } from "./command-line";

/** What goes wrong at one run of the engine. */
export interface Fault {
  /** Which run of all, from 1 on. */
  readonly run: number;
  /**
   * It fails and does nothing; or `authority` is killed once it has done all; or `authority` gets a signal while it is at
   * work, with SIGINT the engine too, as the terminal sends it.
   */
  readonly kind: "fails" | "killed after" | "SIGINT" | "SIGTERM" | "SIGHUP";
  /** How many signals come, one after the other. Default: 1. The engine winds down at the last one that it gets. */
  readonly times?: number;
}

/**
 * A program in the engine's place that keeps a state in a file, and a cluster of names in another one. It does what
 * `authority recover` asks of the engine, as the real one does it, and fails at will: at every one of its runs.
 */
export class ScratchEngine {
  private readonly program: string;

  /** @param directory an existing folder that it may fill */
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

  /** Who has made which object: `{"podinfo/values": "kubectl-create"}`. */
  set cluster(objects: Readonly<Record<string, string>>) {
    writeFileSync(join(this.directory, "cluster.json"), JSON.stringify(objects));
  }

  /** What the engine was run for at the last command, one line each, such as `stack export`, and which signals it got. */
  runs(): string[] {
    return readFileSync(join(this.directory, "runs"), "utf8").split("\n").slice(0, -1);
  }

  /** Runs `authority` with this engine, as a pipeline does, which answers no questions. */
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
      // To wind down takes a while.
      setTimeout(() => {
        appendFileSync(at("runs"), process.ppid === authority ? "ended\\n" : "ended after authority\\n");
        clearInterval(isAtWork);
        process.exitCode = 1;
      }, 300);
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
