// SPDX-License-Identifier: MIT
// Virtual boards and everything that may answer in place of a broker.
import { testHostilePeers } from "../helpers/hostile-suite.ts";
import { createVirtualWorld } from "../helpers/virtual-board.ts";

// A virtual board counts its timers and sockets, and those exactly.
testHostilePeers({ open: createVirtualWorld, count: 3, toleranceVars: 4 });
