"use strict";

// mocha's `spec` output, then the skipped tests by reason, then a line for scripts.

const { reporters, Runner } = require("mocha");

/** The reason that tools.ts has written to the title of the skipped test or suite. */
function reasonOf(test) {
  const reasons = test.titlePath().flatMap((title) => /\(skipped: (.*)\)$/.exec(title)?.[1] ?? []);
  return reasons[0] ?? "no reason given";
}

class SkipCountingReporter extends reporters.Spec {
  static description = "spec, then skips by reason and `N passed, N failed`";

  constructor(runner, options) {
    super(runner, options);
    this.skips = new Map();
    runner.on(Runner.constants.EVENT_TEST_PENDING, (test) => {
      const reason = reasonOf(test);
      this.skips.set(reason, (this.skips.get(reason) ?? 0) + 1);
    });
  }

  epilogue(...summary) {
    super.epilogue(...summary);
    const { passes, failures, pending } = this.stats;
    if (pending > 0) {
      const byCount = [...this.skips].sort(([, one], [, other]) => other - one);
      const lines = byCount.map(([reason, count]) => `  ${String(count).padStart(4)}  ${reason}`);
      reporters.Base.consoleLog(["Skipped, by reason:", ...lines, ""].join("\n"));
    }
    const skipped = pending > 0 ? `, ${pending} skipped` : "";
    reporters.Base.consoleLog(`${passes} passed, ${failures} failed${skipped}`);
  }
}

module.exports = SkipCountingReporter;
