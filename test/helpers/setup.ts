// SPDX-License-Identifier: MIT
// Runs before each test file: gives fast-check the seed of the run.
import { configureGlobal } from "fast-check";
import { SEED } from "./seeds.ts";

configureGlobal({ seed: SEED });
