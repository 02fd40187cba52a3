// SPDX-License-Identifier: MIT
// Probes whose output on the virtual board differs from the interpreter's, each with the reason.
// The parity test fails when one of them has become equal, so the list stays true.

/** Name of a probe, and why its difference is accepted. */
export const ACCEPTED: Readonly<Record<string, string>> = {};
