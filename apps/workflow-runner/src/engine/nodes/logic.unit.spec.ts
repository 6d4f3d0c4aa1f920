import type { NodeState } from '#lib/contracts';
import { describe, expect, it } from 'vitest';
import { ran } from '../../../../../test/builders/ran.ts';
import { node, workflow } from '../../../../../test/builders/runs.ts';
import type { RunResult } from '../index.ts';

const DATA = { text: 'b', figure: '42', number: 3, list: [4], nested: { json: '{"a": [1]}', bad: '{"secret": canary' }, nothing: null };

const set = (destination: string, value: unknown): object => ({
  type: 'set',
  valueTemplateType: 'json',
  valueTemplate: JSON.stringify(value),
  destination,
});
const given: NodeState = node('set', 'MutateNode', { rules: [set('data', DATA)] }, ['n']);

/** What stands at `working` after a node ran on DATA, and which of its outputs it took. */
async function after(
  type: string,
  config: Record<string, unknown>,
): Promise<{ output?: number; working: unknown; error: RunResult['error'] }> {
  const ends = [0, 1, 2, 3].map((output) => node(`out${output}`, 'DebugNode', { message: `${output}`, property: 'working' }));
  const { result, debug } = await ran(workflow([given, node('n', type, config, ...ends.map(({ id }) => [id])), ...ends]));
  const seen = debug.at(-1);
  return { ...(seen === undefined ? {} : { output: Number(seen.message) }), working: seen?.payload, error: result.error };
}

describe('Switch', () => {
  const taken = async (switchTemplate: string, ...cases: string[]): Promise<number | undefined> =>
    (await after('SwitchNode', { switchTemplate, cases: cases.map((caseTemplate) => ({ caseTemplate, caseLabel: 'x', dontBreak: true })) }))
      .output;

  it('takes the output behind the first case that is the same text, else the default', async () => {
    expect(await taken('{{data.text}}', 'a', 'b', 'b')).toBe(2);
    expect(await taken('{{data.text}}', 'a', '{{data.text}}')).toBe(2);
    expect(await taken('{{data.text}}', 'B', 'a')).toBe(0);
    expect(await taken('{{data.number}}', '3.0', '3')).toBe(2);
  });

  it('takes the default where it comes out empty, unless a case does too', async () => {
    expect(await taken('{{data.missing}}', 'a')).toBe(0);
    expect(await taken('{{data.missing}}', 'a', '')).toBe(2);
  });
});

describe('Math', () => {
  const results = async (...expressions: string[]): Promise<unknown> =>
    (await after('MathNode', { statements: expressions.map((expression, index) => ({ expression, resultPath: `working.r${index}` })) }))
      .working;

  it('puts the result of each statement at its path, where the next one sees it', async () => {
    expect(await results('{{data.number}} * 9 / 5', 'round({{working.r0}} * 10) / 10', 'sqrt({{data.number}}^2 + 16)')).toEqual({
      r0: 5.4,
      r1: 5.4,
      r2: 5,
    });
  });

  it('adds what came as text, as messages do', async () => {
    expect(await results('{{data.figure}} + 1', '{{data.figure}} + {{data.figure}} * 2', '{{data.text}} + 1')).toEqual({
      r0: 43,
      r1: 126,
      r2: Number.NaN,
    });
  });

  it('has NaN for what is missing or no number, and goes on', async () => {
    expect(
      await results('{{data.missing}} + 1', '{{data.missing}}', '{{data.text}} * 2', '{{data.list}}', '{{data.nothing}}', '1 > 0'),
    ).toEqual({
      r0: Number.NaN,
      r1: Number.NaN,
      r2: Number.NaN,
      r3: Number.NaN,
      r4: Number.NaN,
      r5: 1,
    });
  });

  it('does nothing without statements', async () => {
    expect(await after('MathNode', {})).toMatchObject({ output: 0, error: undefined });
  });
});

describe('JsonEncode', () => {
  it('puts a value as JSON text at a path', async () => {
    expect((await after('JsonEncodeNode', { source: 'data.list', destination: 'working.json' })).working).toEqual({ json: '[4]' });
  });

  it('leaves nothing at the path where there is no value', async () => {
    const nodes = [
      given,
      node('n', 'JsonEncodeNode', { source: 'data.missing', destination: 'data.text' }, ['see']),
      node('see', 'DebugNode', { property: 'data' }),
    ];
    const { debug } = await ran(workflow(nodes));
    expect(debug[0]?.payload).not.toHaveProperty('text');
    expect(debug[0]?.payload).toHaveProperty('number');
  });
});

describe('JsonDecode', () => {
  const decode = (source: string, config: Record<string, unknown> = {}): ReturnType<typeof after> =>
    after('JsonDecodeNode', { source, destination: 'working.value', ...config });

  it('puts the value of JSON text at a path', async () => {
    expect((await decode('data.nested.json')).working).toEqual({ value: { a: [1] } });
    expect((await decode('data.number')).working).toEqual({ value: 3 });
  });

  it.each([
    ['data.nested.bad', 'source: the text at data.nested.bad is not JSON'],
    ['data.missing', 'source: there is nothing at data.missing'],
    ['data.list', 'source: what stands at data.list is not text'],
  ])('throws for %s, or puts its error at a path', async (source, message) => {
    const error = { name: 'InvalidJson', message, nodeId: 'n', nodeType: 'JsonDecodeNode' };
    expect((await decode(source)).error).toEqual(error);
    expect(await decode(source, { errorBehavior: 'payloadPath', errorPath: 'working.error' })).toEqual({
      output: 0,
      working: { error },
      error: undefined,
    });
  });

  it('needs a path for the error where it goes into the payload', async () => {
    expect((await decode('data.text', { errorBehavior: 'payloadPath' })).error).toMatchObject({
      name: 'InvalidNode',
      message: 'errorPath: is required',
    });
  });
});
