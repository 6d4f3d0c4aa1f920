import { describe, expect, it } from 'vitest';
import { ran } from '../../../../../test/builders/ran.ts';
import { node, triggered, workflow } from '../../../../../test/builders/runs.ts';
import type { RunResult } from '../index.ts';

const BODY = { temp: 'hot', schema: { type: 'object', required: ['other'] }, text: '{"type":"number"}', not: '{' };

/** The output that was taken, and what stands at `working`. */
async function validated(
  config: Record<string, unknown>,
): Promise<{ took: string | undefined; working: unknown; error: RunResult['error'] }> {
  const flow = workflow([
    node('decode', 'JsonDecodeNode', { source: 'data.message', destination: 'data.body' }, ['v']),
    node('v', 'ValidatePayloadNode', config, ['invalid'], ['valid']),
    node('invalid', 'DebugNode', { property: 'working' }),
    node('valid', 'DebugNode', { property: 'working' }),
  ]);
  const { result, debug } = await ran(flow, { event: triggered({ body: Buffer.from(JSON.stringify(BODY)) }) });
  return { took: debug[0]?.nodeId, working: debug[0]?.payload, error: result.error };
}

const NUMBER = JSON.stringify({ type: 'object', properties: { temp: { type: 'number' } } });
const text = expect.any(String) as string;

describe('ValidatePayload', () => {
  it('takes output 0 where a part of the payload is not as its schema says, with what is wrong', async () => {
    expect(await validated({ schema: NUMBER, toValidatePath: 'data.body', errorsPath: 'working.errors' })).toEqual({
      took: 'invalid',
      working: {
        errors: [
          {
            instancePath: '/temp',
            schemaPath: '#/properties/temp/type',
            keyword: 'type',
            params: { type: 'number' },
            message: 'must be number',
          },
        ],
      },
      error: undefined,
    });
    expect(await validated({ schema: NUMBER, toValidatePath: 'data.body' })).toMatchObject({ took: 'invalid', working: undefined });
  });

  it('takes output 1 where it is, with an empty list', async () => {
    expect(await validated({ schema: '{"type":"string"}', toValidatePath: 'data.body.temp', errorsPath: 'working.errors' })).toMatchObject({
      took: 'valid',
      working: { errors: [] },
    });
  });

  it('validates the whole payload when no path is given', async () => {
    const schema = JSON.stringify({
      required: ['data', 'time'],
      properties: { time: { format: 'date-time' }, triggerType: { enum: ['integration'] } },
    });
    expect(await validated({ schema })).toMatchObject({ took: 'valid' });
  });

  it('takes its schema from the payload, as it stands or as JSON text', async () => {
    const at = (schema: string): Record<string, unknown> => ({ schemaType: 'path', schema, toValidatePath: 'data.body' });
    expect(await validated(at('data.body.schema'))).toMatchObject({ took: 'invalid' });
    expect(await validated({ ...at('data.body.text'), toValidatePath: 'data.message.length' })).toMatchObject({ took: 'valid' });
    expect((await validated(at('data.body.missing'))).error).toMatchObject({
      name: 'RequiredPath',
      message: 'schema: there is nothing at data.body.missing',
    });
    expect((await validated(at('data.body.not'))).error).toMatchObject({
      name: 'InvalidSchema',
      message: 'schema: the schema is not JSON',
      nodeId: 'v',
    });
  });

  it.each([
    [{}, 'InvalidNode', 'schema: is required'],
    [{ schema: '{' }, 'InvalidNode', 'schema: must be JSON'],
    [{ schema: 'a.', schemaType: 'path' }, 'InvalidNode', 'schema: must be a payload path, as working.schema'],
    [{ schema: '{"type":"what"}' }, 'InvalidSchema', text],
  ])('throws for %j', async (config, name, message) => {
    expect((await validated(config)).error).toEqual({ name, message, nodeId: 'v', nodeType: 'ValidatePayloadNode' });
  });
});
