// SPDX-License-Identifier: MIT
// The hostile peers again, on the real interpreter: there an exception ends a callback, and what is
// not given back is gone for good.
import { testHostilePeers } from "../helpers/hostile-suite.ts";
import { createInterpreter, INTERPRETER, NO_INTERPRETER } from "../helpers/interpreter.ts";

testHostilePeers({
  open: () => ({ createBoard: createInterpreter, close: async () => {} }),
  count: 4,
  toleranceVars: 5,
  reasonToSkip: INTERPRETER ? undefined : NO_INTERPRETER,
});
