// nginx as it comes, serving files of known sizes: the program that is measured, directly and on a virtual IP.

import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

export class WebFiles {
  readonly folder: string;

  /** `sizes`: in bytes; a file of n bytes is served as /n. */
  constructor(sizes: readonly number[]) {
    this.folder = mkdtempSync(join(tmpdir(), 'coscanet-perf-'));
    mkdirSync(join(this.folder, 'files'));
    for (const size of sizes)
      writeFileSync(join(this.folder, 'files', String(size)), Buffer.alloc(size, 'x'));
  }

  /** The command of an nginx with one worker on `listen` ("80", "10.77.0.11:8080"). */
  nginx(listen: string): string[] {
    const name = listen.replaceAll(':', '-');
    const path = (file: string) => join(this.folder, `${name}.${file}`);
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    writeFileSync(
      path('conf'),
      `user root; daemon off; worker_processes 1; pid ${path('pid')}; error_log ${path('log')};
      events { worker_connections 1024; }
      http {
        ${temporary.map((kind) => `${kind}_temp_path ${path(kind)};`).join('\n        ')}
        access_log off; sendfile on; keepalive_requests 1000000000; keepalive_timeout 1h;
        server { listen ${listen}; root ${join(this.folder, 'files')}; }
      }
      `,
    );
    return ['nginx', '-e', path('log'), '-c', path('conf')];
  }

  remove(): void {
    rmSync(this.folder, {recursive: true});
  }
}
