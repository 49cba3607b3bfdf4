// Loads the tests' own addon, which is built beside the product's: with COSCANET_ADDON, which selects another build
// of that one, so does this.

import {createRequire} from 'node:module';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const built = fileURLToPath(new URL('../../../native/coscanet.node', import.meta.url));
const file = path.join(path.dirname(process.env['COSCANET_ADDON'] ?? built), 'coscanet-test.node');

export const testAddon: unknown = createRequire(import.meta.url)(path.resolve(file));
