import { createLogger } from '../logging.ts';
import { collectWhenQuiet } from '../quiet-memory.ts';

/** A process that allocated much at once, kept some of it, and is idle: it answers with its resident memory, MB, and how much it kept. */
const kept: string[][] = [];
const burst: string[][] = [];
for (let index = 0; index < 100_000; index++) burst.push(Array.from({ length: 20 }, (_, at) => `${index}-${at}`));
kept.push(...burst.splice(0, 1_000));
burst.length = 0;

collectWhenQuiet(createLogger({ service: 'test', level: 'silent' }), { lookMs: 200 });
process.on('message', () => process.send?.({ resident: process.memoryUsage.rss() / 1_048_576, kept: kept.length }));
