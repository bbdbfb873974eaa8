import assert from "node:assert/strict";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Server, ServerCredentials, status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { ResourceMonitorService } from "@pulumi/pulumi/proto/resource_grpc_pb";
import { RegisterResourceResponse, SupportsFeatureResponse } from "@pulumi/pulumi/proto/resource_pb";
import { execa } from "execa";
import { temporaryDirectory } from "../support/directory";
import { projectRoot } from "../support/project";

describe("a program whose engine has ended the run", () => {
  const directory = temporaryDirectory();

  /** An engine that takes the stack and no outputs, as after an error in another resource. */
  const engine: UntypedServiceImplementation = {
    supportsFeature: (_: unknown, answer: (error: null, response: object) => void) => {
      answer(null, new SupportsFeatureResponse().setHassupport(true));
    },
    registerResource: (_: unknown, answer: (error: null, response: object) => void) => {
      answer(null, new RegisterResourceResponse().setUrn("urn:pulumi:prod::shop::pulumi:pulumi:Stack::shop-prod"));
    },
    registerResourceOutputs: (_: unknown, answer: (error: object) => void) => {
      answer({ code: status.UNAVAILABLE, message: "resource monitor shut down while sending resource outputs" });
    },
  };

  it("ends without a stack trace, and not as if nothing had failed", async () => {
    const program = `
      require("tsx/cjs");
      require(${JSON.stringify(join(projectRoot, "src/program/ended-engine.ts"))}).endWithEngine();
      module.exports = Promise.resolve({ follow: "tags" });`;
    writeFileSync(join(directory(), "index.js"), program);
    writeFileSync(join(directory(), "package.json"), '{ "name": "scratch", "main": "index.js" }');
    symlinkSync(join(projectRoot, "node_modules"), join(directory(), "node_modules"), "junction");
    const server = new Server();
    server.addService(ResourceMonitorService, engine);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    try {
      const address = `127.0.0.1:${port}`;
      const parameters = [`--monitor=${address}`, `--engine=${address}`, "--project=shop", "--stack=prod", "."];
      const sdk = require.resolve("@pulumi/pulumi/cmd/run");
      const { exitCode, all } = await execa(process.execPath, [sdk, ...parameters], {
        cwd: directory(),
        all: true,
        reject: false,
      });
      assert.doesNotMatch(all, /shut down|^\s+at /m);
      assert.equal(exitCode, 32);
    } finally {
      server.forceShutdown();
    }
  });
});
