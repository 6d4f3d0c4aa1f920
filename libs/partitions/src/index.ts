export * from './ownership.ts';
