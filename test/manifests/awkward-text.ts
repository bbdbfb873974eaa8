import fc from "fast-check";

/** Texts that some rule of YAML 1.1 or of Go's yaml.v2 treats in a way of its own. */
export const awkwardTexts: readonly string[] = [
  ...[
    "",
    " ",
    "  ",
    "\n",
    "\n\n",
    " \n",
    "\n ",
    "\t",
    "\r",
    "\r\n",
    "a\r\nb\r\n",
    "a\n",
    "a\n\n",
    "a\n\n\n",
    "\na",
    "\n\na\n",
  ],
  ...["a\nb", "a\nb\n", " a\nb", "a \nb", "a\n b", "a\n\n  b\n", "a\nb ", "a\n \nb", "a\n\tb", "a:\n  - b\n  - c: 1\n"],
  ...["y", "Y", "yes", "Yes", "YES", "yEs", "n", "no", "NO", "on", "On", "off", "OFF", "true", "True", "TRUE", "tRUE"],
  ...["false", "null", "Null", "NULL", "nULL", "~", "~a", "<<", "=", "none", "None", "nil", "undefined", "t", "f", "o"],
  ...[
    "0",
    "1",
    "-1",
    "+1",
    "01",
    "08",
    "007",
    "0o7",
    "0O17",
    "0x1f",
    "0X1F",
    "-0x1",
    "0b1",
    "0b2",
    "0B1",
    "0b+1",
    "0b-1",
    "-0b1",
  ],
  ...[
    "1.",
    ".1",
    "1.1",
    "1.10",
    "-1.5",
    "+.5",
    "1e3",
    "1E3",
    "1e+3",
    "1e-3",
    "1e999",
    "1e",
    "e1",
    ".e1",
    "1_000",
    "1__0",
    "_1",
  ],
  ...[
    "._1",
    ".1_0",
    ".1_",
    "1_",
    "-_1",
    "0_7",
    "0x_1",
    ".inf",
    "-.inf",
    "+.Inf",
    ".INF",
    ".iNF",
    ".nan",
    ".NaN",
    "-.nan",
    "inf",
  ],
  ...[
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
  ],
  ...[
    "0xffffffffffffffff",
    "0x10000000000000000",
    "01777777777777777777777",
    "0o2000000000000000000000",
    "-",
    "+",
    ".",
    "..",
  ],
  ...["1:20", "1:20:30.5", "+1:2", "-1:60", "1:5", "12:30", "1_0:20", ":1", "1:", "1:2:3:4", "190:20:30", "12:30:45.6"],
  ...[
    "2024-01-01",
    "2024-1-1",
    "2024-02-30",
    "2023-02-29",
    "2024-02-29",
    "2024-13-01",
    "24-01-01",
    "2024-01-01T10:00:00Z",
  ],
  ...[
    "2024-01-01t1:2:3.5+01:00",
    "2024-01-01 10:00:00",
    "2024-01-01   1:2:3,4",
    "2024-01-01T10:00:00",
    "2024-01-01 10:00:00Z",
  ],
  ...[
    "2024-01-01T24:00:00Z",
    "2024-01-01T23:60:00Z",
    "2024-01-01T1:1:1+24:60",
    "2024-01-01T1:1:1+25:00",
    "2024-01-01 ",
  ],
  ...[
    "---",
    "--- a",
    "---a",
    "...",
    "...a",
    "--",
    "- a",
    "-a",
    "? a",
    "?a",
    "?",
    ": a",
    ":a",
    ":",
    "a: b",
    "a:b",
    "a:",
    "a :b",
  ],
  ...[
    "# a",
    "#",
    "a #b",
    "a# b",
    "a#b",
    "%a",
    "@a",
    "`a`",
    "!a",
    "!tag a",
    "&a",
    "*a",
    "|",
    "|-",
    ">",
    "> a",
    "[a]",
    "{a}",
    "{}",
  ],
  ...[
    "[]",
    ",a",
    "a, b",
    "'",
    "'a'",
    "it's",
    '"',
    '"a"',
    'say "a"',
    "\\",
    "a\\b",
    "a\tb",
    "\ta",
    "a\t",
    "a: 'b' # c",
    "a ' b",
  ],
  ...[
    "\u00a0",
    "a\u00a0b",
    "\u2028",
    "a\u2028b",
    "a\u2028",
    "\u2029a\u2029",
    "a \u2028b",
    "a\u2028 b",
    "a\u2028\nb",
    "a\n\u2028",
  ],
  ...[
    "\ufeff",
    "\ufeffa b",
    "a\ufeffb",
    "é",
    "日本語",
    "😀",
    "a😀b",
    "\0",
    "\x07\b\v\f\x1b",
    "\x01",
    "\x1f",
    "\ue000",
    "\ufffd",
    "ﬀ",
  ],
  ...[
    "a b ".repeat(40),
    "ab ".repeat(40).trim(),
    "a  b ".repeat(30).trim(),
    `${"x".repeat(90)} y z`,
    `${"x ".repeat(60)}😀`,
  ],
  ...[
    `${"x ".repeat(50)}: y`,
    `# ${"x ".repeat(50)}`,
    `${"x  ".repeat(40)}\t`,
    `${"it's ".repeat(30)}: `,
    "ö ".repeat(60).trim(),
  ],
  ...[
    `${"x".repeat(79)} : y`,
    `${"x".repeat(80)}  y\tz`,
    `'${"x ".repeat(60)}`,
    `${"x ".repeat(45)}\u2028${" y".repeat(45)}: z`,
  ],
  ...["x".repeat(128), "x".repeat(129), "ö".repeat(64), "ö".repeat(65), `${"x".repeat(100)} ${"y".repeat(100)}`],
];

/** One of these characters. */
function oneOf(characters: string): fc.Arbitrary<string> {
  return fc.constantFrom(...Array.from(characters));
}

const character = fc.oneof(
  { weight: 6, arbitrary: oneOf("abyn01 -_:.#'\"\\\n") },
  { weight: 2, arbitrary: oneOf(" ,?[]{}&*!|>%@`~=<+/\t\r") },
  {
    weight: 1,
    arbitrary: fc.constantFrom("\u00a0", "é", "日", "😀", "\u2028", "\u2029", "\ufeff", "\x07", "\ue000", "\0"),
  },
);

const numberLike = fc.string({ unit: oneOf("001279-+._:eExXobTtZ f"), maxLength: 12 });

const dateLike = fc
  .tuple(
    fc.nat(9999),
    fc.nat(13),
    fc.nat(32),
    fc.constantFrom("", "T", "t", " ", "  "),
    fc.nat(25),
    fc.nat(60),
    fc.nat(60),
  )
  .chain(([year, month, day, between, hour, minute, second]) =>
    fc.constantFrom("", ".5", ",25", ".", "Z", ".5Z", "+01:00", "-24:60", "+1:00", "+99:00").map((end) => {
      const date = `${String(year).padStart(4, "0")}-${month}-${day}`;
      return between === "" ? date : `${date}${between}${hour}:${minute}:${second}${end}`;
    }),
  );

const sentence = fc
  .array(fc.oneof(fc.string({ unit: oneOf("abcxyz"), minLength: 1, maxLength: 15 }), character), {
    minLength: 10,
    maxLength: 60,
  })
  .chain((words) =>
    fc.constantFrom(" ", "  ", " \n", "\n").map((gap) => words.join(gap === "  " ? gap : " ") + gap.trim()),
  );

/** Any text that a rendered manifest can carry, with a liking for the awkward. */
export const awkwardText = fc.oneof(
  fc.constantFrom(...awkwardTexts),
  fc.string({ unit: character, maxLength: 12 }),
  fc.string({ unit: character, minLength: 60, maxLength: 300 }),
  numberLike,
  dateLike,
  sentence,
  fc
    .tuple(fc.constantFrom(...awkwardTexts), fc.constantFrom("\n", " ", ""), fc.constantFrom(...awkwardTexts))
    .map((parts) => parts.join("")),
);

const awkwardNumber = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(
    0,
    -0,
    1.5,
    1e5,
    123456.5,
    1234567.5,
    1e-4,
    0.00001,
    1e20,
    1e21,
    1e22,
    2 ** 53,
    2 ** 63,
    -(2 ** 63),
    2 ** 64,
    1e300,
    5e-324,
  ),
);

const key = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: oneOf("abAB0129-_./é日٣😀"), maxLength: 5 }) },
  { weight: 1, arbitrary: awkwardText },
);

/** Any map of plain values, nested in every way. */
export const awkwardObject = fc.letrec<{ value: unknown; map: Record<string, unknown> }>((tie) => ({
  value: fc.oneof(
    { weight: 6, arbitrary: awkwardText },
    { weight: 1, arbitrary: awkwardNumber },
    { weight: 1, arbitrary: fc.constantFrom(true, false, null) },
    { weight: 1, arbitrary: fc.array(tie("value"), { maxLength: 3 }) },
    { weight: 1, arbitrary: tie("map") },
  ),
  map: fc.dictionary(key, tie("value"), { maxKeys: 4, noNullPrototype: true }),
})).map;
