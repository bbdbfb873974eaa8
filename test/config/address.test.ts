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
      ["https://me@corp.example:pass word@host/x", "https://***@host/x"],
      ["https://user:8080-secret@host", "https://***@host"],
      ["https://user:80/se cret@git.example.com", "https://***@git.example.com"],
      ["user:pass@host/path", "***@host/path"],
      ["fatal: 'user:pass word@host/x' is no repository", "fatal: '***@host/x' is no repository"],
      ["ssh: cannot resolve user:pass@host", "ssh: cannot resolve ***@host"],
      ["//user:pass@host/x", "//***@host/x"],
      // Addresses, references and sentences without a password stay as they are.
      ["http://localhost:5000/v2/shop: ask the host", "http://localhost:5000/v2/shop: ask the host"],
      [
        "registry:5000/shop@sha256:0123 and shop:1.0@sha256:0123",
        "registry:5000/shop@sha256:0123 and shop:1.0@sha256:0123",
      ],
      ["git@github.com:org/repo.git", "git@github.com:org/repo.git"],
      ["ssh://git@github.com/org", "ssh://***@github.com/org"],
      ["fatal: no such user: ask admin@example.com", "fatal: no such user: ask admin@example.com"],
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

  it("holds no part of a password with blanks, digits and separators", () => {
    const character = fc.constantFrom(..."QXZ019 @:/?#'\"%&=+,;!$()*~[]\\".split(""));
    const password = fc.string({ unit: character, minLength: 3 });
    const around = fc.constantFrom("", " ", "'", '"', "\n", "see <");
    const scheme = fc.constantFrom("https://", "ssh://", "//");
    const host = fc.constantFrom("host/path", "git.example.com", "git.example.com:8443/x", "127.0.0.1/x.git");
    const urls = fc.array(fc.tuple(around, scheme, host, password), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(urls, (parts) => {
        // A password may hold what follows it: so each address has a line of its own.
        const textOf = (secrets: readonly string[]) =>
          parts.map(([mark, start, end], index) => `${mark}${start}${secrets[index] ?? ""}@${end}${mark}`).join("\n");
        const shown = withoutCredentials(textOf(parts.map(([, , , secret]) => `user:${secret}`)));
        assert.equal(shown, textOf(parts.map(() => "***")));
      }),
      { numRuns: 5000 },
    );
  });

  it("holds no password of an address without a scheme", () => {
    const character = fc.constantFrom(..."QXZ019 @:/?#%&=+,;!$()*~[]".split(""));
    const password = fc
      .tuple(fc.constantFrom(..."QXZ019".split("")), fc.string({ unit: character, minLength: 2 }))
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.constantFrom("", "'", '"', "\n"), password, (mark, secret) => {
        const shown = withoutCredentials(`${mark}user:${secret}@git.example.com/x${mark}`);
        assert.equal(shown, `${mark}***@git.example.com/x${mark}`);
      }),
      { numRuns: 5000 },
    );
  });

  it("takes no seconds, whatever the text", () => {
    // Otherwise it exceeds mocha's time limit.
    for (const part of ["://a:", "a:b ", '"a:b', "//", "@", "a:1@", "https://a:1/"])
      withoutCredentials(part.repeat(20_000));
  });
});
