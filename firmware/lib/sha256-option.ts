// SPDX-License-Identifier: MIT
// Whether a bundle brings SHA-256 in software: not unless it is built with LUBDUB_SOFTWARE_SHA256=1,
// which puts sha256.ts in the place of this file and prints what it costs. An entry then uses it on
// boards whose interpreter has none: `sha256 || (softwareSha256 && softwareSha256())`.

/** Makes the hash in software; undefined in bundles without it. */
export const softwareSha256: (() => (bytes: string) => string) | undefined = undefined;
