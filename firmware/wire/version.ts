// SPDX-License-Identifier: MIT
// The version of the wire contract. Compatible means: the same number. Members may be added to a
// heartbeat without raising it (a receiver keeps what it does not know); removing one, changing a
// unit or a meaning raises it.

/** Version of the contract this tree speaks; see `README.md` in this folder. */
export const WIRE_VERSION = 1;

/** Version of the product; the build checks it against package.json. */
export const LUBDUB_VERSION = "0.1.0";
