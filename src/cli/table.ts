import stringWidth from "string-width";
import { printable } from "../config/printable";
import type { Colors } from "./terminal";

/** One cell: a text, or a text with its colour. */
export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

/** Formats rows in columns without border lines, so that other programs can process them. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[], colors: Colors): string {
  const lines = [head.map((text) => ({ text, paint: colors.bold })), ...rows].map((cells) => cells.map(formatted));
  const widths = head.map((_, column) => lines.reduce((most, cells) => Math.max(most, cells[column]?.width ?? 0), 0));
  const pad = (width: number, column: number) => " ".repeat(Math.max(0, (widths[column] ?? 0) - width));
  return lines
    .map((cells) => cells.map(({ text, width }, column) => text + pad(width, column)).join("  "))
    .map((line) => line.trimEnd())
    .join("\n");
}

function formatted(cell: Cell): { readonly text: string; readonly width: number } {
  const { text, paint } = typeof cell === "string" ? { text: cell, paint: String } : cell;
  const shown = printable(text);
  return { text: paint(shown), width: stringWidth(shown) };
}
