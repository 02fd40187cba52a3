// SPDX-License-Identifier: MIT
// Probes whose output on the virtual board differs from the interpreter's, each with the reason.
// The parity test fails when one of them has become equal, so the list stays true.

/** Name of a probe, and why its difference is accepted. */
export const ACCEPTED: Readonly<Record<string, string>> = {
  "arrays: sort by a function that is not steady":
    "a function that does not tell which is less gives another wrong order",
  "bytes: clamped arrays cut fractions":
    "the engine rounds when it fills one; no board code has one",
  "errors: calling what is not a function":
    "a value called through brackets has no name in the engine's message",
  "json: parse keeps the first of duplicate keys":
    "reading the key gives the same value; only the interpreter keeps both members",
  "numbers: large powers": "computed through logarithms there, so off in the last digits",
  "print: print shows promises": "the interpreter shows a member of its own making",
  "statements: finally overrides":
    "a return in finally ends an exception that passes; the interpreter lets it pass",
  "statements: switch evaluates its cases in order":
    "the interpreter evaluates the cases behind the one that matched; they have effects in tests only",
  "strings: atob of characters outside the alphabet":
    "the interpreter gives bytes without a rule that a script could use",
  "syntax: tagged templates": "refused by name; the interpreter gives the function itself",
};
