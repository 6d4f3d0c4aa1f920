import { getPath } from '#lib/templating';
import { describe, expect, it } from 'vitest';
import { node, workflow } from '../../../../../test/builders/runs.ts';
import { ran } from '../../../../../test/builders/ran.ts';

type Values = Map<string, unknown>;
/** Runs one node; what the payload then has at `working.out`, and along which output. */
async function one(type: string, config: Record<string, unknown>, kept: Values = new Map(), now?: number): Promise<unknown> {
  const nodes = [node('n', type, config, ['0'], ['1']), ...['0', '1'].map((id) => node(id, 'DebugNode', { message: id, property: '.' }))];
  const { result, debug } = await ran(workflow(nodes), { kept, ...(now === undefined ? {} : { now }) });
  if (result.error !== undefined) return result.error;
  return [debug[0]?.message, getPath(debug[0]?.payload, 'working.out')];
}
const store = (config: Record<string, unknown>, kept?: Values): Promise<unknown> =>
  one('StoreValueNode', { keyName: 'k', resultPath: 'working.out', ...config }, kept);
const get = (config: Record<string, unknown>, kept?: Values): Promise<unknown> =>
  one('GetValueNode', { valuePath: 'working.out', ...config }, kept);

describe('StoreValue', () => {
  it.each([
    [{ valueType: 'template', value: 'at {{data.topic}}' }, 'at in/a'],
    [{ valueType: 'json', value: '{"t": {{data.message}} }' }, { t: 21.5 }],
    [{ valueType: 'number', value: '{{data.message}}' }, 21.5],
    [{ valueType: 'path', valuePath: 'data.topic' }, 'in/a'],
    [{ valueType: 'path', value: 'data.topic' }, 'in/a'],
    [{ valueType: 'incr' }, 1],
    [{ valueType: 'decr', value: '2.5' }, -2.5],
  ])('keeps %j', async (config, value) => {
    const kept: Values = new Map();
    expect(await store(config, kept)).toEqual(['0', value]);
    expect([...kept]).toEqual([['value k', value]]);
  });

  it('counts on from what is kept, and clears it', async () => {
    const kept: Values = new Map([['value k', 41]]);
    expect(await store({ valueType: 'incr' }, kept)).toEqual(['0', 42]);
    expect(await store({ valueType: 'clear' }, kept)).toEqual(['0', undefined]);
    expect(kept.get('value k')).toBeUndefined();
  });

  it.each([
    [{ valueType: 'number', value: 'many' }, 'NotANumber'],
    [{ valueType: 'incr', value: 'x' }, 'NotANumber'],
    [{ valueType: 'json', value: '{' }, 'InvalidJsonTemplate'],
    [{ valueType: 'path' }, 'RequiredPath'],
    [{ valueType: 'path', value: 'at {{data.topic}}' }, 'RequiredPath'],
    [{ valueType: 'clear', keyName: 'k'.repeat(256) }, 'InvalidKey'],
    [{ valueType: 'clear', keyName: '{{working.none}}' }, 'RequiredTemplate'],
    [{ valueType: 'other' }, 'InvalidNode'],
  ])('refuses %j', async (config, name) => {
    expect(await store(config)).toMatchObject({ name, nodeId: 'n' });
  });

  it('does not count what is no number', async () => {
    expect(await store({ valueType: 'incr' }, new Map([['value k', 'text']]))).toMatchObject({ name: 'NotANumber' });
  });
});

describe('GetValue', () => {
  const kept: Values = new Map<string, unknown>([
    ['value k', { a: 1 }],
    ['value zero', 0],
  ]);
  it('reads what is kept under a key, or all of it', async () => {
    expect(await get({ keyName: 'k' }, kept)).toEqual(['0', { a: 1 }]);
    expect(await get({ keyName: 'zero', defaultValue: '7' }, kept)).toEqual(['0', 0]);
    expect(await get({ getAll: true }, kept)).toEqual(['0', { k: { a: 1 }, zero: 0 }]);
  });

  it('gives the default where nothing is kept', async () => {
    expect(await get({ keyName: 'none' }, kept)).toEqual(['0', undefined]);
    expect(await get({ keyName: 'none', defaultValue: '{{data.topic}}' }, kept)).toEqual(['0', 'in/a']);
    expect(await get({ keyName: 'none', defaultValue: '7', defaultValueType: 'number' }, kept)).toEqual(['0', 7]);
    expect(await get({ keyName: 'none', defaultValue: '[1]', defaultValueType: 'json' }, kept)).toEqual(['0', [1]]);
    expect(await get({ keyName: 'none', defaultValue: 'data.topic', defaultValueType: 'path' }, kept)).toEqual(['0', 'in/a']);
  });

  it('has to be told a key, or that all is wanted', async () => {
    expect(await get({})).toMatchObject({ name: 'InvalidNode' });
  });
});

describe('Throttle', () => {
  const NOW = 1_770_000_000_000;
  const config = { ratePerMinute: 2, timeSincePath: 'working.out' };

  it('lets one pass in each interval, and says how long ago the last one was', async () => {
    const kept: Values = new Map();
    const pass = (at: number): Promise<unknown> => one('ThrottleNode', config, kept, NOW + at);
    expect(await pass(0)).toEqual(['1', undefined]);
    expect(await pass(29_999)).toEqual(['0', 29_999]);
    expect(await pass(30_000)).toEqual(['1', 30_000]);
    expect(await pass(30_001)).toEqual(['0', 1]);
    expect(await pass(10_000)).toEqual(['0', 0]); // a clock that was put back
  });

  it('throttles each id for itself', async () => {
    const kept: Values = new Map();
    const pass = (throttleIdTemplate: string): Promise<unknown> => one('ThrottleNode', { ...config, throttleIdTemplate }, kept, NOW);
    expect([await pass('{{data.topic}}'), await pass('other'), await pass('in/a')]).toEqual([
      ['1', undefined],
      ['1', undefined],
      ['0', 0],
    ]);
  });

  it('needs a rate above 0, however small', async () => {
    expect(await one('ThrottleNode', { ratePerMinute: 1 / 60 })).toEqual(['1', undefined]);
    for (const ratePerMinute of [0, -1, 'x', undefined])
      expect(await one('ThrottleNode', { ratePerMinute })).toMatchObject({ name: 'InvalidNode' });
  });
});
