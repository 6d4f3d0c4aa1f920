import { afterAll, describe, expect, it } from 'vitest';
import type { ScriptOutcome } from './protocol.ts';
import { createSandbox } from './sandbox.ts';

const sandbox = createSandbox();
const hasty = createSandbox(300);
afterAll(async () => {
  await sandbox.close();
  await hasty.close();
});

const run = (source: string, payload: unknown = {}, applicationId = 'a', within = sandbox): Promise<ScriptOutcome> =>
  within.run({ source, payload, applicationId, abandoned: () => false });

describe('a script in the sandbox', () => {
  it('changes the payload it is given', async () => {
    expect(await run('payload.b = payload.a + 1', { a: 1 })).toEqual({ ok: true, payload: { a: 1, b: 2 }, lines: [] });
  });

  it('replaces the payload by what it returns, whatever that is', async () => {
    expect(await run('return [payload.a]', { a: 1 })).toMatchObject({ payload: [1] });
    expect(await run('return 0')).toMatchObject({ payload: 0 });
    expect(await run('return null')).toMatchObject({ payload: null });
  });

  it('sees dates as dates, and gives them back as dates', async () => {
    const time = new Date('2026-02-03T04:05:06.007Z');
    const outcome = await run('payload.later = new Date(payload.time.getTime() + 1000); payload.hours = payload.time.getUTCHours()', {
      time,
    });
    expect(outcome).toMatchObject({ payload: { time, later: new Date(time.getTime() + 1000), hours: 4 } });
  });

  it('leaves the payload of the caller as it was', async () => {
    const payload = { list: [1] };
    await run('payload.list.push(2)', payload);
    expect(payload).toEqual({ list: [1] });
  });

  it('says what it threw', async () => {
    expect(await run('null.x')).toMatchObject({ ok: false, name: 'TypeError' });
    expect(await run('throw new RangeError("too far")')).toMatchObject({ ok: false, name: 'RangeError', message: 'too far' });
    expect(await run('throw "plain"')).toMatchObject({ ok: false, name: 'Error', message: 'plain' });
    expect(await run('this is not JavaScript')).toMatchObject({ ok: false, name: 'SyntaxError' });
  });

  it('says that a payload which refers to itself cannot be carried', async () => {
    expect(await run('payload.self = payload')).toMatchObject({ ok: false, name: 'TypeError' });
  });

  it('writes console lines, a bounded number of bounded length', async () => {
    expect(await run('console.log("a", {b: 1}, undefined); console.error("bad")')).toMatchObject({
      lines: [
        { level: 'verbose', text: 'a {"b":1} undefined' },
        { level: 'error', text: 'bad' },
      ],
    });
    const { lines } = await run('for (let i = 0; i < 1000; i++) console.log("x".repeat(100000))');
    expect(lines).toHaveLength(100);
    expect(lines[0]?.text).toHaveLength(4096);
  });

  it('reaches nothing of the host', async () => {
    const names = ['process', 'require', 'fetch', 'setTimeout', 'Worker', 'write', 'global', 'Buffer'];
    expect(await run(`return ${JSON.stringify(names)}.map((name) => typeof globalThis[name])`)).toMatchObject({
      payload: names.map(() => 'undefined'),
    });
    expect(await run('return typeof this.constructor.constructor("return process")')).toMatchObject({ payload: 'function' });
    expect(await run('return this.constructor.constructor("return process")()')).toMatchObject({ ok: false, name: 'ReferenceError' });
    expect(await run('return import("node:fs").then(() => 1)')).toMatchObject({ payload: {} });
  });

  it('leaves nothing behind for the next one', async () => {
    await run('globalThis.left = 1; Object.prototype.left = 1; JSON.stringify = () => "{}"');
    expect(await run('return [typeof left, JSON.stringify({a: 1})]')).toMatchObject({ payload: ['undefined', '{"a":1}'] });
  });

  it('fools only itself by replacing built-ins', async () => {
    expect(await run('JSON.stringify = () => "not json"; Array.prototype.push = null; payload.a = 1')).toMatchObject({ payload: { a: 1 } });
    expect(await run('Object.prototype.toJSON = () => undefined')).toMatchObject({ ok: false });
    expect(await run('Date[Symbol.hasInstance] = () => true; payload.a = {b: 1}')).toMatchObject({ ok: true });
  });

  it('ends after its share of memory, or a stack too deep, and the next one runs', async () => {
    expect(await run('const a = []; while (true) a.push({ a })')).toMatchObject({ message: 'out of memory' });
    expect(await run('function f() { f() } f()')).toMatchObject({ message: 'stack overflow' });
    expect(await run('return JSON.parse("[".repeat(100000))')).toMatchObject({ ok: false });
    expect(await run('payload.a = "x".repeat(7 * 1024 * 1024)')).toMatchObject({ ok: false, name: 'PayloadTooLarge' });
    expect(await run('return 1')).toMatchObject({ payload: 1 });
  });

  it('ends after its share of CPU, while the scripts of others run', async () => {
    const endless = run('while (true) {}', {}, 'bad', hasty);
    const queued = run('return 2', {}, 'bad', hasty);
    let ended = false;
    void endless.then(() => (ended = true));
    expect(await run('return 1', {}, 'good', hasty)).toMatchObject({ payload: 1 });
    expect(ended).toBe(false);
    expect(await endless).toMatchObject({ ok: false, name: 'FunctionTimeout' });
    expect(await queued).toMatchObject({ payload: 2 });
  });

  it('does not start when nobody waits for it any more', async () => {
    const outcome = await sandbox.run({ source: 'return 1', payload: {}, applicationId: 'a', abandoned: () => true });
    expect(outcome).toMatchObject({ ok: false, name: 'Abandoned' });
  });
});
