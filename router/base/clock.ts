// Time as an argument. `now` never jumps (leases, graces); `wall` is what people read (event log).

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since some start, monotonic. */
  now(): number;
  /** Milliseconds since the epoch. */
  wall(): number;
  after(ms: number, action: () => void): Timer;
  every(ms: number, action: () => void): Timer;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(ms, action) {
    const timer = setTimeout(action, ms);
    return {cancel: () => clearTimeout(timer)};
  },
  every(ms, action) {
    const timer = setInterval(action, ms);
    return {cancel: () => clearInterval(timer)};
  },
};
