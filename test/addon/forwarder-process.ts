// A forwarder as the supervisor starts it: descriptor 3 is the segment, then its packet sockets. Says how its
// loop ended: "stopped" or the code of the error.

import {native} from '../../addon/index.ts';

const [index, sockets] = process.argv.slice(2).map(Number);
const descriptors = Array.from({length: sockets!}, (_, side) => 4 + side);
const forwarder = native.startForwarder({segmentDescriptor: 3, index: index!, descriptors});
process.on('SIGTERM', () => forwarder.stop());
try {
  await forwarder.done;
  console.log('stopped');
} catch (error) {
  console.log((error as NodeJS.ErrnoException).code);
}
process.exit();
