/** Information gain of images, selection, and hard negatives from perturbed images. */
package org.equipoise.mbpo.mine;
