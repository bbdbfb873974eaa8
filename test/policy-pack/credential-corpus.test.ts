import assert from "node:assert/strict";
import { findCredentials } from "../../src/policy-pack/credential";
import { credentials } from "./corpus/credentials";
import { harmless } from "./corpus/harmless";
import { unseenCredentials, unseenHarmless } from "./corpus/unseen";
import { heldOutCredentials, heldOutHarmless } from "./corpus/held-out";

type Corpus = Readonly<Record<string, string>>;

/** The titles of the examples in which something was found, or nothing. */
async function titles(corpus: Corpus, isFound: boolean): Promise<string[]> {
  const wrong: string[] = [];
  for (const [title, content] of Object.entries(corpus)) {
    if ((await findCredentials(content)).length > 0 === isFound) wrong.push(title);
  }
  return wrong;
}

const percent = (part: number, corpus: Corpus) => (100 * part) / Object.keys(corpus).length;

describe("the search for credentials in values of usual charts", () => {
  const corpora: [string, Corpus, Corpus][] = [
    ["the charts that it was tuned on", credentials, harmless],
    ["other charts and forms", heldOutCredentials, heldOutHarmless],
    ["values written when the detectors were done", unseenCredentials, unseenHarmless],
  ];
  for (const [what, plain, references] of corpora) {
    it(`finds at least 95 % of the credentials in ${what}, with at most 2 % false alarms`, async function () {
      const missed = await titles(plain, false);
      const alarms = await titles(references, true);
      const recall = 100 - percent(missed.length, plain);
      const falseAlarms = percent(alarms.length, references);
      const title = this.test?.title ?? "";
      if (this.test !== undefined) {
        this.test.title = `${title} (${recall.toFixed(1)} % of ${Object.keys(plain).length}, ${falseAlarms.toFixed(1)} % of ${Object.keys(references).length})`;
      }
      assert.ok(recall >= 95, `found ${recall.toFixed(1)} % of the credentials, missed: ${missed.join("; ")}`);
      assert.ok(falseAlarms <= 2, `${falseAlarms.toFixed(1)} % false alarms: ${alarms.join("; ")}`);
    });
  }
});
