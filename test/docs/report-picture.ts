/**
 * Makes `docs/images/report.png`: the example of `docs/report.md` as HTML, as Chromium shows it. It needs Helm, and Debian's
 * `chromium`.
 *
 *   npx tsx test/docs/report-picture.ts
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../support/project";
import { exampleReport } from "./report-example";

/** Wide as a page, and as high as what a reviewer reads first. */
const size = "1120,1560";

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "shared-authority-picture-"));
  try {
    const { stdout } = await exampleReport(directory, "html");
    const page = join(directory, "report.html");
    writeFileSync(page, stdout);
    const picture = join(projectRoot, "docs", "images", "report.png");
    execFileSync(
      "chromium",
      [
        "--headless",
        "--no-sandbox",
        "--hide-scrollbars",
        `--window-size=${size}`,
        `--screenshot=${picture}`,
        `file://${page}`,
      ],
      { stdio: "ignore" },
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

void main();
