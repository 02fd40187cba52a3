#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// Launcher of the `lubdub` command: teaches Node to load TypeScript, then hands over to cli.ts.
import { register } from "tsx/esm/api";

register();
await import("./cli.ts");
