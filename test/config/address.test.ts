import assert from "node:assert/strict";
import fc from "fast-check";
import { withoutCredentials } from "../../src/config/address";

describe("a text without credentials", () => {
  it("hides the user info of every URL and keeps the rest", () => {
    for (const [text, expected] of [
      ["https://user:secret@host/x.git", "https://***@host/x.git"],
      ["https://user:p@ss@host/x", "https://***@host/x"],
      ["fatal: unable to access 'https://u:p@h/x': 401", "fatal: unable to access 'https://***@h/x': 401"],
      ["https://u:it's@h", "https://***@h"],
      ['"https://u:p@h1/a","ssh://v:q@h2/b" and HTTP://w@h3', '"https://***@h1/a","ssh://***@h2/b" and HTTP://***@h3'],
      ["https://u:sla/sh?and#hash@h/x", "https://***@h/x"],
      ["https://host:8080/a@b?c=d@e", "https://host:8080/a@b?c=d@e"],
      ["http://[::1]:5000/a@b", "http://[::1]:5000/a@b"],
      ['["https://h:1","https://u:p@h"]', '["https://h:1","https://***@h"]'],
      ["somebody@example.com", "somebody@example.com"],
    ] as const) {
      assert.equal(withoutCredentials(text), expected);
    }
  });

  it("holds no part of any password", () => {
    const character = fc.constantFrom(..."QXZ@:'\"%&=+,;!$()*~[]".split(""));
    const password = fc.string({ unit: character, minLength: 3 });
    const around = fc.constantFrom("", " ", "'", '"', "\n", "see <");
    const urls = fc.array(fc.tuple(around, password), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(urls, (parts) => {
        const textOf = (secrets: readonly string[]) =>
          parts.map(([mark], index) => `${mark}https://${secrets[index] ?? ""}@host/path${mark} `).join("");
        const shown = withoutCredentials(textOf(parts.map(([, secret]) => `user:${secret}`)));
        assert.equal(shown, textOf(parts.map(() => "***")));
      }),
    );
  });
});
