import assert from "node:assert/strict";
import { imageFaults } from "../../src/policy-pack/values-image";
import { exampleTenant } from "../manifests/example-stack";
import { harmlessValues, imageSettings } from "./corpus/images";
import { unseenHarmless, unseenSettings } from "./corpus/unseen-images";

type Corpus = Readonly<Record<string, string>>;

const tenant = { ...exampleTenant, furtherImages: ["docker.io/library/redis"] };

/** The titles of the examples with a fault, or without one. */
function titles(corpus: Corpus, isFound: boolean): string[] {
  return Object.entries(corpus)
    .filter(
      ([, content]) => imageFaults({ ...tenant, values: [{ path: "values.yaml", content }] }).length > 0 === isFound,
    )
    .map(([title]) => title);
}

describe("the search for images in values of usual charts", () => {
  const corpora: [string, Corpus, Corpus][] = [
    ["the charts that it was written for", imageSettings, harmlessValues],
    ["values written when the rule was done", unseenSettings, unseenHarmless],
  ];
  for (const [what, settings, harmless] of corpora) {
    it(`finds at least 95 % of the images in ${what}, with at most 2 % false alarms`, function () {
      const missed = titles(settings, false);
      const alarms = titles(harmless, true);
      const percent = (part: string[], corpus: Corpus) => (100 * part.length) / Object.keys(corpus).length;
      const recall = 100 - percent(missed, settings);
      const falseAlarms = percent(alarms, harmless);
      if (this.test !== undefined) {
        this.test.title += ` (${recall.toFixed(1)} % of ${Object.keys(settings).length}, ${falseAlarms.toFixed(1)} % of ${Object.keys(harmless).length})`;
      }
      assert.ok(recall >= 95, `found ${recall.toFixed(1)} % of the images, missed: ${missed.join("; ")}`);
      assert.ok(falseAlarms <= 2, `${falseAlarms.toFixed(1)} % false alarms: ${alarms.join("; ")}`);
    });
  }
});
