// The only loader of the native addon. What crosses the boundary is typed by the façades beside this file:
// router.ts (segment, devices, forwarder), agent.ts (descriptor passing, socket diagnostics) and rtnetlink.ts (the
// host's interfaces, addresses, routes and neighbors).

import {createRequire} from 'node:module';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import type {AgentNative} from './agent.ts';
import type {RouterNative} from './router.ts';

// build/js/addon/index.js → build/native/coscanet.node; COSCANET_ADDON selects another build (sanitizers, coverage).
const built = fileURLToPath(new URL('../../native/coscanet.node', import.meta.url));
const file = path.resolve(process.env['COSCANET_ADDON'] ?? built);

export const native = createRequire(import.meta.url)(file) as RouterNative & AgentNative;
