/** A thread of `verify`: the module itself sees where it runs. */
import './verify.js';
