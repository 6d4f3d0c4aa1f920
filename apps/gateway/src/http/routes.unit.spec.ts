import { expect, it } from 'vitest';
import { allowedMethods } from './routes.ts';

it('tells which methods a path answers to', () => {
  const app = `/applications/${'a'.repeat(24)}`;
  expect(allowedMethods(`${app}/integrations`)).toEqual(['GET', 'POST', 'HEAD', 'OPTIONS']);
  expect(allowedMethods(`${app}/globals`)).toEqual(['PATCH', 'OPTIONS']);
  expect(allowedMethods('/healthz')).toEqual(['GET', 'HEAD', 'OPTIONS']);
  expect(allowedMethods('/nowhere')).toEqual([]);
  expect(allowedMethods('/applications/')).toEqual([]);
});
