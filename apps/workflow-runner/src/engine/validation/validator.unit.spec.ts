import { afterAll, describe, expect, it } from 'vitest';
import { createValidator } from './validator.ts';

const validator = createValidator();
const hasty = createValidator(500);
afterAll(() => Promise.all([validator.close(), hasty.close()]));

const validate = (schema: unknown, value: unknown, applicationId = 'a', within = validator): Promise<unknown> =>
  within.validate({ schema: JSON.stringify(schema), value, applicationId, abandoned: () => false });
const errors = (...found: unknown[]): unknown => ({ ok: true, errors: found.map((one) => expect.objectContaining(one) as unknown) });

describe('validation', () => {
  it('says all that is wrong, as Ajv does', async () => {
    const schema = { type: 'object', required: ['name'], properties: { temp: { type: 'number' } } };
    expect(await validate(schema, { name: 'x', temp: 1 })).toEqual({ ok: true, errors: [] });
    expect(await validate(schema, { temp: 'hot' })).toEqual({
      ok: true,
      errors: [
        {
          instancePath: '',
          schemaPath: '#/required',
          keyword: 'required',
          params: { missingProperty: 'name' },
          message: expect.any(String) as string,
        },
        {
          instancePath: '/temp',
          schemaPath: '#/properties/temp/type',
          keyword: 'type',
          params: { type: 'number' },
          message: 'must be number',
        },
      ],
    });
  });

  it('sees dates as JSON has them, and nothing as nothing', async () => {
    expect(await validate({ type: 'string', format: 'date-time' }, new Date())).toEqual(errors());
    expect(await validate({ type: 'object' }, undefined)).toEqual(errors({ keyword: 'type' }));
  });

  // A keyword of each draft that the ones before it don't have, or that means something else there.
  it.each([
    [undefined, { type: 'number', maximum: 5, exclusiveMaximum: true }, 5, 4],
    ['http://json-schema.org/draft-04/schema#', { type: 'number', maximum: 5, exclusiveMaximum: true }, 5, 4],
    ['http://json-schema.org/draft-06/schema#', { exclusiveMaximum: 5, const: 4 }, 5, 4],
    ['http://json-schema.org/draft-07/schema', { if: { minimum: 5 }, else: false }, 4, 5],
    ['https://json-schema.org/draft/2019-09/schema', { dependentRequired: { a: ['b'] } }, { a: 1 }, { a: 1, b: 2 }],
    ['https://json-schema.org/draft/2020-12/schema', { prefixItems: [{ type: 'string' }] }, [1], ['x']],
  ])('follows the draft that $schema names: %s', async ($schema, schema, bad, good) => {
    const whole = { ...schema, ...($schema === undefined ? {} : { $schema }) };
    expect(await validate(whole, good)).toEqual(errors());
    expect(await validate(whole, bad)).not.toEqual(errors());
    expect(await validate(whole, bad)).toMatchObject({ ok: true });
  });

  it('takes patterns of old, and words it does not know', async () => {
    expect(await validate({ pattern: '^[\\w-.]+$', format: 'my-own', remark: 1 }, 'a-b.c')).toEqual(errors());
  });

  it('cuts a long list of errors', async () => {
    const { errors: found } = (await validate(
      { items: { type: 'string' } },
      Array.from({ length: 5_000 }, () => 1),
    )) as { errors: unknown[] };
    expect(found).toHaveLength(100);
  });

  it.each([
    [5, 'a schema is an object, or true or false'],
    [{ type: 'what' }, 'schema is invalid'],
    [{ pattern: '(' }, 'Invalid regular expression'],
    [{ $schema: 'http://json-schema.org/draft-03/schema#' }, '$schema must be of draft 4'],
    [{ $schema: 5 }, '$schema must be of draft 4'],
    [{ $async: true }, '$async can not be used'],
  ])('says of %j that it is no schema', async (schema, message) => {
    expect(await validate(schema, 1)).toEqual({ ok: false, name: 'InvalidSchema', message: expect.stringContaining(message) as string });
  });

  it('loads no schema from elsewhere, and none of another by its id', async () => {
    expect(await validate({ id: 'http://x.test/mine', properties: { a: { id: 'http://x.test/part', type: 'string' } } }, 1)).toEqual(
      errors(),
    );
    for (const $ref of ['http://127.0.0.1:1/schema.json', 'http://x.test/mine', 'http://x.test/part', 'file:///etc/passwd'])
      expect(await validate({ $ref }, 1)).toMatchObject({
        ok: false,
        message: expect.stringContaining("can't resolve reference") as string,
      });
  });

  it('ends with a pattern that takes for ever', async () => {
    expect(await validate({ pattern: '^(a+)+$' }, `${'a'.repeat(40)}!`, 'bad', hasty)).toMatchObject({ ok: false, name: 'SchemaLimit' });
  });

  it('ends with a schema that takes too much', async () => {
    const definitions = Object.fromEntries(
      Array.from({ length: 40 }, (_, n) => [
        `d${n}`,
        { anyOf: [{ $ref: `#/definitions/d${n + 1}` }, { $ref: `#/definitions/d${n + 1}` }] },
      ]),
    );
    const schema = { definitions: { ...definitions, d40: { type: 'string' } }, $ref: '#/definitions/d0' };
    expect(await validate(schema, 1, 'bad', hasty)).toMatchObject({ ok: false, name: 'SchemaLimit' });
  });

  it('does not start when nobody waits for it any more', async () => {
    const outcome = await validator.validate({ schema: '{}', value: 1, applicationId: 'a', abandoned: () => true });
    expect(outcome).toMatchObject({ ok: false, name: 'Abandoned' });
  });
});
