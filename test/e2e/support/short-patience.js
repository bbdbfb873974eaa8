"use strict";

// Preloaded into `authority` (`NODE_OPTIONS=--require`): what it would wait for 20 s or longer, it waits for a tenth of
// that. Its messages name the whole time. Of the engine's own Node processes, which inherit it, none is changed.

const shorter = (milliseconds) => (milliseconds >= 20_000 ? milliseconds / 10 : milliseconds);

if (/authority(\.js)?$/.test(process.argv[1] ?? "")) {
  globalThis.setTimeout = new Proxy(globalThis.setTimeout, {
    apply: (target, receiver, [act, milliseconds, ...given]) =>
      Reflect.apply(target, receiver, [act, shorter(milliseconds), ...given]),
  });
  const { AbortSignal } = globalThis;
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  AbortSignal.timeout = (milliseconds) => timeout(shorter(milliseconds));
}
