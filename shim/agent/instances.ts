// Identifies instances by cgroup. An application NAME's slice is the last path component coscanet-NAME.slice below the
// cgroup root; each direct child of the slice (a systemd unit, a container, run-PID.scope) is one instance.
//
//   /coscanet.slice/coscanet-my.slice/coscanet-my-app.slice/run-4711.scope/…
//                                     └── application my-app ┘└ instance ┘

import fs from 'node:fs';
import path from 'node:path';
import {UserError, codeOf} from '../../router/base/error.ts';

export interface Instance {
  application: string;
  /** The instance's cgroup as a folder of the file system. */
  folder: string;
}

/** How long it is cached that a cgroup belongs to no application. */
const OUTSIDE_MS = 1000;

/** Where cgroup v2 is mounted, alone or beside v1. Throws a UserError if it is not. */
export function findCgroupMount(mountinfo: string): {folder: string; root: string} {
  for (const line of mountinfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const [, , , root, folder] = left.split(' ');
    if (right.startsWith('cgroup2 ') && root !== undefined && folder !== undefined) return {folder, root};
  }
  throw new UserError('no cgroup v2 file system is mounted: the agent tells applications apart by it');
}

/** The instance that a cgroup path below the root belongs to, as [application, depth of its folder]. */
export function instanceOf(components: readonly string[]): {application: string; depth: number} | null {
  for (let i = components.length - 1; i >= 0; i--) {
    const match = /^coscanet-(.+)\.slice$/.exec(components[i] ?? '');
    if (match?.[1] !== undefined) return {application: match[1], depth: Math.min(i + 2, components.length)};
  }
  return null;
}

function subfolders(folder: string): string[] {
  try {
    return fs
      .readdirSync(folder, {withFileTypes: true})
      .flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch {
    return []; // it went meanwhile
  }
}

function isPopulated(folder: string): boolean {
  try {
    return fs.readFileSync(path.join(folder, 'cgroup.events'), 'utf8').includes('populated 1');
  } catch {
    return false;
  }
}

/** The instances of this node. */
export class Instances {
  readonly #base: string;
  readonly #mount: {folder: string; root: string};
  readonly #byId = new Map<bigint, Instance>();
  readonly #outside = new Map<bigint, number>();
  readonly #watchers = new Map<string, fs.FSWatcher>();
  readonly #onEmpty: () => void;

  /** `root` is a path in the cgroup tree ("/" for all). `onEmpty`: the last process of an instance has gone. */
  constructor(mountinfo: string, root: string, onEmpty: () => void) {
    this.#mount = findCgroupMount(mountinfo);
    this.#base = path.join(this.#mount.folder, root);
    this.#onEmpty = onEmpty;
    try {
      fs.mkdirSync(this.#base, {recursive: true});
    } catch (error) {
      throw new UserError(`cgroup root ${root}: cannot make ${this.#base}: ${codeOf(error)}`);
    }
  }

  /** The instance that a process belongs to, from then on watched; null if it is in no application's slice. */
  ofProcess(pid: number): Instance | null {
    const folder = this.#folderOf(pid);
    return folder === null ? null : this.#add(folder);
  }

  /** The cgroup of a process, for messages. */
  cgroupOf(pid: number): string {
    const folder = this.#folderOf(pid);
    return folder === null ? '?' : `/${path.relative(this.#base, folder)}`;
  }

  /** The instance that a socket was made in (its INET_DIAG_CGROUP_ID); null if that is none, or gone. */
  ofCgroup(id: bigint): Instance | null {
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    const seen = this.#outside.get(id);
    if (seen !== undefined && performance.now() - seen < OUTSIDE_MS) return null;
    this.#scan(this.#base);
    const found = this.#byId.get(id) ?? null;
    if (found === null) this.#outside.set(id, performance.now());
    else this.#outside.delete(id);
    return found;
  }

  /** Does any process of any application live? */
  anyAlive(): boolean {
    return this.#slices(this.#base).some(isPopulated);
  }

  /** Removes the scopes that `coscanet-node run` made and whose processes are gone. */
  removeDead(): void {
    for (const slice of this.#slices(this.#base)) {
      for (const name of subfolders(slice)) {
        const pid = /^run-(\d+)\.scope$/.exec(name)?.[1];
        // While its process lives, the launcher may be about to enter.
        if (pid !== undefined && !fs.existsSync(`/proc/${pid}`)) this.#remove(path.join(slice, name));
      }
    }
    if (this.#outside.size > 1000) this.#outside.clear();
  }

  /** Removes all empty slices too. */
  removeEmpty(): void {
    this.removeDead();
    const slices = this.#slices(this.#base).toSorted((a, b) => b.length - a.length);
    for (const slice of [...slices, path.join(this.#base, 'coscanet.slice')]) this.#remove(slice);
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #folderOf(pid: number): string | null {
    let text: string;
    try {
      text = fs.readFileSync(`/proc/${pid}/cgroup`, 'utf8');
    } catch {
      return null;
    }
    const cgroup = /^0::(\/.*)$/m.exec(text)?.[1];
    if (cgroup === undefined) return null;
    // A bind mount shows a part of the tree: /proc counts from the tree's root, the mount from its own.
    const {folder, root} = this.#mount;
    return path.join(folder, root === '/' ? cgroup : path.relative(root, cgroup));
  }

  #add(folder: string): Instance | null {
    const relative = path.relative(this.#base, folder);
    if (relative.startsWith('..')) return null;
    const components = relative.split('/');
    const found = instanceOf(components);
    if (found === null) return null;
    const instance = {
      application: found.application,
      folder: path.join(this.#base, ...components.slice(0, found.depth)),
    };
    try {
      this.#byId.set(fs.statSync(folder, {bigint: true}).ino, instance);
    } catch {
      return null; // it went meanwhile
    }
    this.#watch(instance.folder);
    return instance;
  }

  #scan(folder: string): void {
    this.#add(folder);
    for (const name of subfolders(folder)) this.#scan(path.join(folder, name));
  }

  #slices(folder: string): string[] {
    return subfolders(folder).flatMap((name) => {
      const inner = path.join(folder, name);
      return [...(/^coscanet-.+\.slice$/.test(name) ? [inner] : []), ...this.#slices(inner)];
    });
  }

  #watch(folder: string): void {
    if (this.#watchers.has(folder)) return;
    try {
      const watcher = fs.watch(path.join(folder, 'cgroup.events'), () => {
        if (isPopulated(folder)) return;
        this.#onEmpty();
        if (/\/run-\d+\.scope$/.test(folder)) this.#remove(folder);
        if (!fs.existsSync(folder)) this.#forget(folder);
      });
      watcher.on('error', () => this.#forget(folder));
      this.#watchers.set(folder, watcher);
    } catch {
      // No inotify watch left, or the cgroup is gone: the dumps tell as well.
    }
  }

  #forget(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
    for (const [id, instance] of this.#byId) if (instance.folder === folder) this.#byId.delete(id);
  }

  // The kernel removes a cgroup only if it is empty, so trying does no harm.
  #remove(folder: string): void {
    for (const name of subfolders(folder)) this.#remove(path.join(folder, name));
    try {
      fs.rmdirSync(folder);
    } catch {
      // Populated, or gone already.
    }
  }
}
