// SPDX-License-Identifier: MIT
// The terser settings that are safe on the interpreter. Each one that differs from terser's default
// says what goes wrong without it.
import { minify } from "terser";
import type { SourceMapInput } from "@jridgewell/trace-mapping";

/**
 * Words that the interpreter's lexer reserves and a minifier would take as a short name, and `ssl`,
 * the global in which the interpreter keeps the state of TLS.
 */
const RESERVED = ["of", "let", "static", "async", "await", "yield", "undefined", "ssl"];

/** A script with its source map. */
export interface Minified {
  code: string;
  map: SourceMapInput & { sources: (string | null)[] };
}

/** Globals of the interpreter that a short name of the bundle, which is global too, would hide. */
const SHORT_GLOBALS = ["E", ...Array.from({ length: 40 }, (_, pin) => `D${pin}`)];

/**
 * Minifies a script for the interpreter; the result is ASCII on one line.
 * @param map source map of `code`; the result's map leads through it to the first sources.
 * @param keptNames property names that keep their spelling, beside those that are quoted in `code`;
 *   undefined: all do.
 * @throws what terser throws when `code` is no script.
 */
export async function minifyForBoard(
  code: string,
  map: string,
  fileName: string,
  keptNames?: readonly string[],
): Promise<Minified> {
  const result = await minify(code, {
    ecma: 2015,
    toplevel: true,
    compress: {
      ecma: 2015,
      passes: 3,
      // The inliner moves `var` to the end of a function, where the interpreter has not run it when
      // the variable is read (ReferenceError; terser 5.51, Espruino 2v29).
      inline: 0,
      reduce_funcs: false,
      // Functions are not hoisted there, and an unexecuted `var` does not exist.
      hoist_funs: false,
      hoist_vars: false,
      // Nothing of ours is called with `new`.
      unsafe_arrows: true,
    },
    mangle: {
      toplevel: true,
      reserved: [...RESERVED, ...SHORT_GLOBALS],
      // Without `builtins` terser would also keep the thousand names of a browser.
      properties: keptNames
        ? { builtins: true, keep_quoted: true, reserved: [...keptNames] }
        : false,
    },
    format: { ascii_only: true, comments: false },
    sourceMap: { content: map, filename: fileName, asObject: true },
  });
  if (result.code === undefined || typeof result.map !== "object")
    throw new Error(`terser returned no code for ${fileName}`);
  return { code: result.code, map: result.map as Minified["map"] };
}
