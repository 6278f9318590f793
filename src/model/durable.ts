declare const durable: unique symbol;

/** What a power cut can no longer take away. Only `disk/barrier.ts` makes one; only a `Durable` can be marked done. */
export type Durable<T> = T & { readonly [durable]: true };
