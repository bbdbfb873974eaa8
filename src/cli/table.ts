import Table from "cli-table3";
import { printable } from "../config/printable";
import type { Colors } from "./terminal";

/** One cell: a text, or a text with its colour. */
export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

/** The characters that cli-table3 draws lines with. */
const lines =
  "top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid";
const noLines = { ...Object.fromEntries(lines.split(" ").map((name) => [name, ""])), middle: "  " };

/** Formats rows in columns without border lines, so that other programs can process them. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[], colors: Colors): string {
  const formatted = new Table({
    head: head.map((text) => colors.bold(text)),
    chars: noLines,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  formatted.push(...rows.map((row) => row.map(paint)));
  return formatted
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

function paint(cell: Cell): string {
  return typeof cell === "string" ? printable(cell) : cell.paint(printable(cell.text));
}
