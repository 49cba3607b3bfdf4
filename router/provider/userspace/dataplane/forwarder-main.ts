// Entry of the forwarder process. Apart from ../main.ts, because it must start in an instant and stay small: it
// loads neither the control server nor the schemas.

import {parseArgs} from 'node:util';
import {native} from '../../../../addon/index.ts';
import {createLogger} from '../../../base/logger.ts';
import {runForwarder} from './forwarder.ts';

const {values} = parseArgs({
  options: {
    index: {type: 'string'},
    sockets: {type: 'string'},
    uid: {type: 'string'},
    gid: {type: 'string'},
    spin: {type: 'string', default: '0'},
  },
});
const [index, sockets, uid, gid] = [values.index, values.sockets, values.uid, values.gid].map(Number);
if (index === undefined || sockets === undefined || !uid || !gid || process.send === undefined) {
  process.stderr.write('a forwarder is started by coscanet-router, never by hand\n');
  process.exit(2);
}
runForwarder(
  {index, sockets, uid, gid, spinMicroseconds: Number(values.spin)},
  native,
  createLogger('coscanet-forwarder', {index}),
);
