export * from './migrations.ts';
export * from './ownership.ts';
export * from './reader.ts';
export * from './reader-types.ts';
