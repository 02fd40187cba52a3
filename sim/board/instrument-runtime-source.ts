// SPDX-License-Identifier: MIT
// The code that rewritten scripts call: the interpreter's operators, members, calls, classes and
// budgets. It is text because it is compiled in each realm's own context.
// The names begin with a letter that no script of the interpreter can use.
// Not for: what it asks the host (instrument-runtime.ts).

/** A function of the host, the limits and methods of the host's engine; installs the names. */
export const RUNTIME_SOURCE = String.raw`
(function (host, limits, methods) {
  const G = globalThis;
  const { stackBytes, steps, memoryBytes } = limits;
  const { getPrototypeOf, create, defineProperty, getOwnPropertyDescriptor, hasOwn, get, isArray, isView } = methods;
  // An item takes a variable at least.
  const maxItems = memoryBytes / 10;
  // Bytes of an array lie side by side and fill their variables.
  const maxBytes = maxItems * 14;
  const early = create(null);
  const isObject = (v) => (typeof v === "object" && v !== null) || typeof v === "function";
  let depth = 0;
  let left = steps;
  let callbacks = 0;
  const begin = () => { left = steps; callbacks++; };

  const primitive = (v) => {
    if (!isObject(v)) return v;
    if (typeof v.valueOf === "function") {
      const value = v.valueOf();
      if (!isObject(value)) return value;
    }
    return host.text(v);
  };
  const text = (v) => {
    if (typeof v === "string") return v;
    if (typeof v === "number" ? (v | 0) === v : !isObject(v)) return "" + v;
    return host.text(v);
  };
  const join = (a, b) => {
    const joined = text(a) + text(b);
    if (joined.length > memoryBytes) host.outOfMemory();
    return joined;
  };
  const isName = (v) => typeof v === "string" || (isObject(v) && host.isPin(v));
  const add = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a + b;
    if (isName(a) && isName(b)) return join(a, b);
    const x = primitive(a);
    const y = primitive(b);
    return typeof x === "string" || typeof y === "string" ? join(x, y) : x + y;
  };
  const missing = (o, key) =>
    host.fail("Error", 'Field or method "' + text(key) + '" does not already exist, and can' + "'t create it on " + host.typeName(o));
  const member = (o, k) => {
    if (typeof k === "number" && k >= 0 && typeof o === "object" && o !== null) return o[k];
    switch (typeof o) {
      case "object":
        if (o === null) return missing(o, k);
        if (isView(o) && typeof k === "number") return missing(o, k);
        return o[isObject(k) || typeof k === "number" ? text(k) : k];
      case "function":
        return o[k];
      case "string":
        if (typeof k === "number" ? k >= 0 && k % 1 === 0 : /^\d+$/.test(k)) return o[k];
        return k in methods.String ? o[k] : missing(o, k);
      default:
        return o !== undefined && k in methods.Number ? o[k] : missing(o, k);
    }
  };
  const notFunction = (f, name) =>
    f === undefined
      ? host.fail("Error", name === undefined ? "Function not found!" : 'Function "' + name + '" not found!')
      : host.fail("Error", "Expecting function, got " + host.typeName(f));
  const sizeOf = (f, size) => {
    if (typeof size === "number" || typeof size === "boolean") {
      if (size < 0) host.fail("Error", "Invalid length for ArrayBuffer");
      if (size * (f.BYTES_PER_ELEMENT || 1) > maxBytes) host.outOfMemory();
    } else if (!isArray(size) && !isView(size) && !methods.isBuffer(size)) {
      host.fail("Error", "Unsupported first argument of type " + host.typeName(size));
    }
  };
  const methodsOf = (target, list, flag) => {
    for (let i = 0; i < list.length; i += 2) {
      if (list[i] !== flag) continue;
      const descriptors = methods.getOwnPropertyDescriptors(list[i + 1]);
      for (const name in descriptors) {
        if (name === "constructor" && flag === 0) continue;
        const old = getOwnPropertyDescriptor(target, name);
        const now = descriptors[name];
        if (old && now.get === undefined && now.set !== undefined) now.get = old.get;
        if (old && now.set === undefined && now.get !== undefined) now.set = old.set;
        if (now.get || now.set) now.enumerable = false;
        defineProperty(target, name, now);
      }
    }
  };

  // What a for...in walks over: own keys in the interpreter's order, looked for one by one, then
  // those of the prototypes. When the current key is deleted the walk is over.
  const keysOf = (o) => {
    const seen = create(null);
    let holder = o;
    let keys = null;
    let at = 0;
    let last = null;
    return {
      [methods.iterator]() { return this; },
      next() {
        if (last !== null && !hasOwn(holder, last)) return { done: true, value: undefined };
        while (isObject(holder) || typeof holder === "string") {
          const now = host.keysOf(holder);
          if (keys === null) at = 0;
          else if (now.length !== keys.length && last !== null) at = now.indexOf(last) + 1;
          keys = now;
          while (at < keys.length && keys[at] in seen) at++;
          if (at < keys.length) {
            last = keys[at++];
            seen[last] = true;
            return { done: false, value: last };
          }
          holder = typeof holder === "string" ? null : getPrototypeOf(holder);
          if (holder === methods.Object || holder === methods.Function || host.isBuiltIn(holder)) holder = null;
          keys = null;
          last = null;
        }
        return { done: true, value: undefined };
      },
    };
  };

  const api = {
    µu: early,
    µt: { v: undefined },
    µin(bytes) {
      if (depth === 0) begin();
      if (depth + bytes > stackBytes) host.overflow();
      depth += bytes;
      if (--left < 0) { host.spent(callbacks); left = steps; }
    },
    µout(bytes) { depth -= bytes; },
    µtick() { if (--left < 0) { host.spent(callbacks); left = steps; } },
    µcaught: (e) => host.caught(e),
    µlives: () => host.lives(),
    µrefuse: (script, number, isUnknown) => host.refuse(script, number, isUnknown === true),
    µcode: (code) => host.code(code),
    µmiss: (name) => (name in G ? G[name] : host.fail("ReferenceError", '"' + name + '" is not defined')),
    µmake: (name, value) => (G[name] = value),
    µdeny: () => host.fail("TypeError", "Assignment to a constant"),
    µdeclare: (name) => (hasOwn(G, name) ? G[name] : (G[name] = undefined)),
    µconst(name, value) {
      const old = getOwnPropertyDescriptor(G, name);
      if (!old || old.writable) defineProperty(G, name, { value, writable: false, enumerable: true, configurable: true });
      return value;
    },
    µclassOf: (name, value) => (G[name] = value),
    µadd(a, b) {
      if (typeof a === "number" && typeof b === "number") return a + b;
      if (typeof a === "string" && typeof b === "string") {
        const joined = a + b;
        return joined.length > memoryBytes ? host.outOfMemory() : joined;
      }
      return add(a, b);
    },
    µplus: (b, a) => api.µadd(a, b),
    µplusTo: (o, k, b) => (o[k] = api.µadd(o[k], b)),
    µtext: text,
    µnum: (v) => (typeof v === "number" ? v : typeof v === "string" ? host.number(v) : +primitive(v)),
    µeq(a, b) {
      if (a === b) return true;
      if (!isObject(a) && !isObject(b)) return a == b;
      if (a === null || a === undefined || b === null || b === undefined) return false;
      const value = (v) => {
        if (!isObject(v)) return v;
        const own = typeof v.valueOf === "function" ? v.valueOf() : v;
        const other = v === a ? b : a;
        return (isArray(own) || isView(own)) && !isObject(other) && typeof other !== "boolean" ? host.text(own) : own;
      };
      const x = value(a);
      const y = value(b);
      return isObject(x) || isObject(y) ? x === y : x == y;
    },
    µget(o, k) {
      return typeof k === "number" && k >= 0 && typeof o === "object" && o !== null ? o[k] : member(o, k);
    },
    µlength(o, name, value) {
      if (typeof o === "function" || isArray(o) || isView(o)) host.fail("TypeError", "Assignment to a constant");
      return isObject(o) ? (o.length = value) : value;
    },
    µref: (o, name) => (typeof o === "number" || typeof o === "boolean" ? missing(o, name) : o),
    µset(o, k, value) {
      if (typeof o === "object" && o !== null) {
        if (typeof k !== "number" && isObject(k)) k = text(k);
        else if (typeof k === "number" && k % 1 !== 0) k = text(k);
        if (!isArray(o) && !isView(o)) host.noteKey(o, k);
        return (o[k] = value);
      }
      if (typeof o === "function") return (o[k] = value);
      if (typeof o === "string") return host.fail("Error", "Unable to assign value to non-reference String");
      return missing(o, k);
    },
    µname: (o) => (typeof o === "function" ? undefined : o.name),
    µis(value, f) {
      if (typeof f !== "function") host.fail("Error", "Expecting function on RHS, got " + host.typeName(f));
      switch (typeof value) {
        case "string":
          return f === G.String;
        case "number":
        case "boolean":
          return f === G.Number;
        default:
          return value instanceof f;
      }
    },
    µkeyed: (o, keys) => host.noteKeys(o, keys),
    µdelete(o, k) {
      if (o === undefined || o === null) return o[k];
      return hasOwn(o, k) && delete o[k];
    },
    µdeleteName: (name) => hasOwn(G, name) && delete G[name],
    µtype: (v) => (typeof v === "object" && v !== null ? host.typeOf(v) : typeof v),
    µpeek: (o, name) => (o === undefined || o === null ? o[name] : undefined),
    µfn: (f, name) => (typeof f === "function" ? f : notFunction(f, name)),
    µhas(o, name) {
      if (o === undefined || o === null) return o;
      const f = o[name];
      if (name === "push" && isArray(o) && o.length >= maxItems) host.outOfMemory();
      return typeof f === "function" ? o : notFunction(f, name);
    },
    µcall(o, k, ...args) {
      const f = member(o, k);
      return typeof f === "function" ? methods.apply(f, o, args) : notFunction(f, text(k));
    },
    µnew(f, ...args) {
      if (typeof f !== "function") host.fail("Error", "Constructor should be a function, but is " + host.typeName(f));
      if (host.isNative(f)) {
        if (methods.isSized(f)) sizeOf(f, args[0]);
        if (f === G.String || f === G.Number || f === G.Boolean) return f(...args);
        return new f(...args);
      }
      const made = create(isObject(f.prototype) ? f.prototype : methods.Object);
      const result = methods.apply(f, made, args);
      return result === undefined ? made : result;
    },
    µkeys(o) {
      return keysOf(api.µwalk(o));
    },
    µwalk(o) {
      if (o !== undefined && typeof o !== "object" && typeof o !== "string" && typeof o !== "function" || o === null) {
        host.fail("Error", "FOR loop can only iterate over Arrays, Strings or Objects, not " + host.typeName(o));
      }
      return o;
    },
    µitems(o) {
      if (typeof o === "string" || isArray(o) || isView(o)) return o;
      if (o === undefined || typeof o === "function") return [];
      return methods.values(api.µwalk(o));
    },
    µargs(passed, declared) {
      const list = [];
      const count = passed.length > declared ? passed.length : declared;
      for (let i = 0; i < count; i++) list[i] = passed[i];
      return list;
    },
    µbase(f) {
      if (f === undefined) host.fail("SyntaxError", "Calling 'super' outside of class");
      if (host.isNative(f)) host.fail("Error", "Function not found!");
      return f;
    },
    µup: (self, name) => get(getPrototypeOf(getPrototypeOf(self)), name, self),
    µclass(name, base, list) {
      if (base !== null && typeof base !== "function") {
        host.fail("SyntaxError", "'extends' argument \"" + name + "\" should be a function, got " + host.typeName(base));
      }
      let made;
      for (let i = 0; i < list.length; i += 2) {
        const own = list[i] === 0 ? getOwnPropertyDescriptor(list[i + 1], "constructor") : undefined;
        if (own) made = own.value;
      }
      if (!made && base !== null) {
        made = function (...args) { methods.apply(base, this, args); };
        host.showAs(made, "function(){" + base.name + ".apply(this,arguments)}");
      } else if (!made) {
        made = function () {};
        host.showAs(made, "function(){}");
      }
      if (name !== "") defineProperty(made, "name", { value: name, configurable: true });
      const isPlain = base === null || host.isNative(base);
      const prototype = create(isPlain ? methods.Object : base.prototype);
      defineProperty(prototype, "constructor", { value: made, writable: true, configurable: true });
      methodsOf(prototype, list, 0);
      methodsOf(made, list, 1);
      made.prototype = prototype;
      return made;
    },
  };
  for (const name in api) defineProperty(G, name, { value: api[name] });
  return {
    begin() { if (depth === 0) begin(); },
  };
})`;
