// SPDX-License-Identifier: MIT
// Probes whose output on the virtual board differs from the interpreter's, each with the reason.
// The parity test fails when one of them has become equal, so the list stays true.

const ENGINE = "the host's engine does this inside the language, where nothing can be put between";
const ABSENT = "not modelled: nothing has needed it yet";

/** Name of a probe, and why its difference is accepted. */
export const ACCEPTED: Readonly<Record<string, string>> = {
  "arrays: map drops holes": `${ENGINE}; the syntax check names the form that shows it`,
  "arrays: arguments is an array": ENGINE,
  "bytes: clamped arrays cut fractions": ENGINE,
  "bytes: Uint8Array from string and from array-like":
    "the engine makes an empty array of a text where the interpreter throws",
  "crypto: ciphers": ABSENT,
  "dates: equal dates are equal": ENGINE,
  "errors: calling what is not a function":
    "the engine's message does not tell what the value was; type and class are right",
  "errors: new of what is not a constructor":
    "the engine's message does not tell what the value was; type and class are right",
  "json: parse keeps the first of duplicate keys":
    "reading the key gives the same value; only the interpreter keeps both members",
  "net: members of the module": `createServer is ${ABSENT}`,
  "numbers: a decimal literal is read digit by digit":
    "literals are read by the engine; JSON.parse, Number and parseFloat give the interpreter's bits",
  "print: integer-like keys keep their place": ENGINE,
  "print: print shows promises": "the interpreter shows a member of its own making",
  "print: print shows E, Math and process": "built-in objects are functions there; nobody can tell",
  "strings: a line continuation keeps the line break": `${ENGINE}; the syntax check names it`,
  "strings: atob of characters outside the alphabet":
    "the interpreter gives bytes without a rule that a script could use",
};
