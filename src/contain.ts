/** What the addon throws, a panic or a wrong argument of ours, is a bug: it becomes `ERR_INTERNAL`. */
import { ZoetropeError } from './errors'

type Callable = (this: unknown, ...args: unknown[]) => unknown
type Class = Callable & { prototype: object }

/** The addon, with every function, constructor, method and accessor changed so that it throws `ERR_INTERNAL` or nothing. */
export function contain<T extends object>(addon: T): T {
  for (const [name, value] of Object.entries(addon)) {
    if (isClass(name, value)) Reflect.set(addon, name, containedClass(value))
    else if (isFunction(value)) Reflect.set(addon, name, contained(value))
  }
  return addon
}

/** Node-API makes static methods that cannot be changed: a function that is as good as the class stands before them. */
function containedClass(original: Class): Class {
  const construct = contained((...args) => Reflect.construct(original, args))
  const stand = Object.assign(construct, { prototype: original.prototype })
  Object.setPrototypeOf(stand, original)
  containMembers(original, stand)
  containMembers(original.prototype, original.prototype)
  return stand
}

function containMembers(original: object, stand: object): void {
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(original))) {
    const getter: unknown = Reflect.get(property, 'get')
    if (name === 'constructor') continue
    if (isFunction(getter)) Object.defineProperty(stand, name, { ...property, get: contained(getter) })
    else if (isFunction(property.value)) Object.defineProperty(stand, name, { value: contained(property.value) })
  }
}

function contained(call: Callable): Callable {
  return function (...args) {
    try {
      return Reflect.apply(call, this, args)
    } catch (cause) {
      throw new ZoetropeError('ERR_INTERNAL', `Internal error (please report it): ${String(cause)}`, {}, { cause })
    }
  }
}

function isFunction(value: unknown): value is Callable {
  return typeof value === 'function'
}

/** Node-API's functions have a prototype as its classes do: the name's first letter tells. */
function isClass(name: string, value: unknown): value is Class {
  return isFunction(value) && /^[A-Z]/.test(name)
}
