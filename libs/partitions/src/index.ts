export * from './backoff.ts';
export * from './migrations.ts';
export { own } from './membership.ts';
export * from './ownership.ts';
export * from './reader.ts';
export * from './reader-types.ts';
export { Served } from './served.ts';
