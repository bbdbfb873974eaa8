import Table from "cli-table3";
import { type Colors, printable } from "./terminal";

/** One cell: its text, and the colour that says what the text means. */
export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

const noLines = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
};

/** Rows under a head, in columns, without lines: easy to read, and easy to search and cut by other programs. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[], colors: Colors): string {
  const made = new Table({
    head: head.map((text) => colors.bold(text)),
    chars: noLines,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  made.push(...rows.map((row) => row.map(paintedCell)));
  return made
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

function paintedCell(cell: Cell): string {
  return typeof cell === "string" ? printable(cell) : cell.paint(printable(cell.text));
}
