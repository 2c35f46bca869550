import type { JsonValue } from '../core/json';

/** What is left of a value after `JSON.parse(JSON.stringify(value))`: a Date is a string, a function is gone. Types only. */
export type Jsonify<T> =
  IsAny<T> extends true
    ? T
    : [T] extends [JsonValue]
      ? T // also ends the recursion of JsonValue itself
      : unknown extends T
        ? unknown
        : T extends { toJSON(): infer Written }
          ? Jsonify<Written>
          : T extends string | number | boolean | null | undefined | void
            ? T
            : T extends Unstorable
              ? never
              : T extends readonly unknown[]
                ? { -readonly [I in keyof T]: Jsonify<T[I]> }
                : JsonifyObject<T>;

/** Refused when a task returns it, with its path in the message. */
type Unstorable =
  | bigint
  | symbol
  | ((...args: never) => unknown)
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | ArrayBufferView
  | ArrayBuffer
  | Error
  | Promise<unknown>;

/** Properties that cannot be written are gone; one that may be undefined may be missing. */
type JsonifyObject<T> = Flat<
  { -readonly [K in keyof T as IsKept<K, T[K]> extends true ? (undefined extends T[K] ? never : K) : never]: Jsonify<T[K]> } & {
    -readonly [K in keyof T as IsKept<K, T[K]> extends true ? (undefined extends T[K] ? K : never) : never]?: Jsonify<
      Exclude<T[K], undefined>
    >;
  }
>;
type IsKept<K, V> = K extends symbol
  ? false
  : IsAny<V> extends true
    ? true
    : [V] extends [((...args: never) => unknown) | symbol | undefined]
      ? false
      : true;
type IsAny<T> = 0 extends 1 & T ? true : false;
type Flat<T> = { [K in keyof T]: T[K] } & {};
