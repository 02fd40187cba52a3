// SPDX-License-Identifier: MIT
// Text edits of a script that keep every line where it is, and the way back from a column of the
// result to the column of the source. Edits nest as the nodes of a syntax tree do: whoever visits a
// node calls `open` before its children and `close` behind them.
// Not for: what is edited (instrument.ts).

/** Collects edits and applies them. Offsets are those of the original text. */
export interface Edits {
  /** Inserts text before a node, inside what outer nodes have opened there. */
  open(offset: number, text: string): void;
  /** Inserts text behind a node, before what outer nodes close there. */
  close(offset: number, text: string): void;
  /** Replaces a range; its line breaks stay. Nothing may be edited inside. */
  replace(start: number, end: number, text: string): void;
  apply(): EditedText;
}

/** The result of {@link Edits.apply}. */
export interface EditedText {
  text: string;
  /**
   * The column of the source that a column of the result comes from; both from 1. What was
   * inserted belongs to the place where it stands.
   */
  sourceColumn(line: number, column: number): number;
}

interface Edit {
  start: number;
  end: number;
  /** Order at one offset: what closes, what opens, what replaces. */
  rank: 0 | 1 | 2;
  text: string;
}

/** A stretch of a line that was copied: from here on columns differ by a constant. */
interface Stretch {
  column: number;
  sourceColumn: number;
}

const isWord = (char = ""): boolean => /^[\w$\u0080-\uffff]/.test(char);

/** Index of the last stretch that begins at a column or before it, -1 without one. */
function lastUpTo(stretches: readonly Stretch[], column: number): number {
  let low = 0;
  let high = stretches.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((stretches[middle] as Stretch).column <= column) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Creates edits of a text. */
export function createEdits(source: string): Edits {
  const edits: Edit[] = [];

  const apply = (): EditedText => {
    // The sort is stable, so edits of one rank keep the order in which they were made.
    const sorted = edits.toSorted((a, b) => a.start - b.start || a.rank - b.rank);
    const lines: Stretch[][] = [[]];
    // Looking at the end of one growing text would copy it whole each time.
    const pieces: string[] = [];
    let lastChar = "";
    let column = 1;
    let lineStart = 0;
    const add = (piece: string, from: number | null): void => {
      let at = 0;
      for (;;) {
        if (from !== null) {
          (lines.at(-1) as Stretch[]).push({ column, sourceColumn: from + at - lineStart + 1 });
        }
        const end = piece.indexOf("\n", at);
        if (end < 0) break;
        at = end + 1;
        column = 1;
        if (from !== null) lineStart = from + at;
        lines.push([]);
      }
      column += piece.length - at;
      pieces.push(piece);
      lastChar = piece.at(-1) ?? lastChar;
    };
    // Minified source has `return"a"==b`: what is inserted must not grow together with a word.
    const addApart = (piece: string, from: number | null): void => {
      if (isWord(lastChar) && isWord(piece[0])) add(" ", null);
      add(piece, from);
    };
    let done = 0;
    for (const edit of sorted) {
      if (edit.start > done) addApart(source.slice(done, edit.start), done);
      addApart(edit.text, null);
      if (edit.end > edit.start) {
        const removed = source.slice(edit.start, edit.end);
        const lastBreak = removed.lastIndexOf("\n");
        add(removed.replace(/[^\n]+/g, ""), null);
        if (lastBreak >= 0) lineStart = edit.start + lastBreak + 1;
      }
      done = Math.max(done, edit.end);
    }
    addApart(source.slice(done), done);

    return {
      text: pieces.join(""),
      sourceColumn: (line, at) => {
        const stretches = lines[line - 1] ?? [];
        const index = lastUpTo(stretches, at);
        const found = stretches[index];
        const next = stretches[index + 1];
        if (!found) return next?.sourceColumn ?? at;
        const wanted = found.sourceColumn + at - found.column;
        return next ? Math.min(wanted, next.sourceColumn) : wanted;
      },
    };
  };

  return {
    open: (offset, text) => void edits.push({ start: offset, end: offset, rank: 1, text }),
    close: (offset, text) => void edits.push({ start: offset, end: offset, rank: 0, text }),
    replace: (start, end, text) => void edits.push({ start, end, rank: 2, text }),
    apply,
  };
}
