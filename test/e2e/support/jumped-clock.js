"use strict";

// Preloaded into every Node process of an engine's run (`NODE_OPTIONS=--require`): its clock has jumped by
// `CLOCK_JUMP_MS`. What asks for a given time, such as `new Date("2026-11-24")`, gets that.

const jump = Number(process.env.CLOCK_JUMP_MS);
const RealDate = Date;
const now = () => RealDate.now() + jump;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, given, newTarget) => Reflect.construct(target, given.length === 0 ? [now()] : given, newTarget),
  apply: (target) => new target(now()).toString(),
  get: (target, key) => (key === "now" ? now : Reflect.get(target, key)),
});
