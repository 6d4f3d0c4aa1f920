import { expect, it } from 'vitest';
import { Schemas } from './schemas.ts';

it('keeps the schemas used last, a bounded number of bounded text', () => {
  const schemas = new Schemas();
  const use = (schema: object): unknown => schemas.validate({ schema: JSON.stringify(schema), json: '1' });
  for (let n = 0; n < 150; n++) use({ title: `schema ${n}`, type: 'number' });
  expect(schemas.size).toBe(100);
  for (let n = 0; n < 2; n++) expect(use({ description: `${n}`.repeat(600_000), type: 'number' })).toEqual({ ok: true, errors: [] });
  expect(schemas.size).toBe(1);
});
